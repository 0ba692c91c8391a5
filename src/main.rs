//! The `nightloom` program; see `nightloom::cli`.

fn main() -> std::process::ExitCode {
    nightloom::cli::main()
}
