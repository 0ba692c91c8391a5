//! What the program's exit codes mean.

/// How the program ended. The README's table is made from this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// All done.
    Done,
    /// Some steps failed.
    Failed,
    /// Invalid job, data or command line.
    Invalid,
    /// Device trouble.
    Device,
    /// Another run holds the folder.
    Locked,
    /// A file could not be read or written.
    Files,
    /// Interrupted; the same command resumes.
    Interrupted,
}

impl ExitCode {
    /// All codes, in order.
    pub const ALL: [Self; 7] =
        [Self::Done, Self::Failed, Self::Invalid, Self::Device, Self::Locked, Self::Files, Self::Interrupted];

    /// The number that the operating system sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Invalid => 2,
            Self::Device => 3,
            Self::Locked => 4,
            Self::Files => 5,
            // EX_TEMPFAIL of sysexits.h: schedulers know it as "try again".
            Self::Interrupted => 75,
        }
    }

    /// What it means, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "all done, or done before",
            Self::Failed => {
                "some steps failed; the others' results are there, the same command tries the failed ones again"
            }
            Self::Invalid => "invalid job, data or command line; nothing was run",
            Self::Device => "no such device, or the device failed",
            Self::Locked => "another run holds the run folder",
            Self::Files => "a file could not be read or written (disk full, no permission)",
            Self::Interrupted => "interrupted by SIGINT or SIGTERM; the same command resumes",
        }
    }

    /// The README's table.
    pub fn markdown_table() -> String {
        let row = |c: &Self| format!("| {} | {} |\n", c.code(), c.meaning());
        format!("| code | meaning |\n|---|---|\n{}", Self::ALL.iter().map(row).collect::<String>())
    }

    /// The list in `--help`.
    pub fn help_list() -> String {
        let row = |c: &Self| format!("\n  {:>3}  {}", c.code(), c.meaning());
        format!("Exit codes:{}", Self::ALL.iter().map(row).collect::<String>())
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e19_the_readme_holds_the_table_of_exit_codes() {
        const MARK: &str = "<!-- exit-codes -->";
        let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
        let mut parts = readme.split(MARK);
        let table = parts.nth(1).expect("two marks in README.md");
        assert!(parts.next().is_some(), "the second mark is missing");
        assert_eq!(table.trim(), ExitCode::markdown_table().trim());
    }

    #[test]
    fn e19_codes_are_those_of_the_specification() {
        let codes: Vec<u8> = ExitCode::ALL.iter().map(|c| c.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 75]);
    }
}
