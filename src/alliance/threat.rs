//! What an alliance promises and what it does not (A14): the README and every report print these sentences.

use super::terms::Mode;

/// A sentence with its heading.
pub type Statement = (&'static str, &'static str);

/// What holds in every mode.
pub const ALWAYS: &[Statement] = &[
    (
        "What the server learns",
        "The plan with the parties' names and declared numbers of samples, who sent what when and how long it was, which \
         messages it refused, the hash of the common model after each round, and ciphertexts. It has no key that decrypts: \
         as long as it does not work together with a party, it learns no value of any update and none of the model after \
         the first round.",
    ),
    (
        "What every party learns",
        "The mean update of each round and the common model, which is the purpose. From a sum over few contributors much \
         can be inferred about them: whoever contributed can subtract itself, and reads the sum of the others.",
    ),
    (
        "With two contributors",
        "Each party can compute the other's update of each round exactly. That is why it needs `allow_two = true`.",
    ),
    (
        "What a malicious party can do",
        "Spoil the model: send an update that is wrong within its bounds, many values at once. It cannot leave the bounds \
         unnoticed: a value that overflows its slot changes a canary, and nobody applies that sum. It can also stop the \
         alliance by an objection or by staying away, as the plan says.",
    ),
    (
        "What a malicious server can do",
        "Leave parties out, stop, or hand different sums to different parties; the parties' models then differ and it has \
         to stop. It cannot change a sum unnoticed by much: the weight slots and canaries must fit what it announces, but \
         it can multiply and mix ciphertexts so that they do. Against a server that does this together with a party that \
         opens the result, `shared_key` does not protect; noise (`privacy`) still does.",
    ),
    (
        "What is not hidden",
        "That a company takes part, how much data it declares, how long it trains. The common model itself may remember \
         single rows; only noise (`privacy`) bounds that, for a whole party's update.",
    ),
];

/// What holds where all parties share the private key.
pub const SHARED_KEY: Statement = (
    "Mode `shared_key`",
    "All parties have the same private key. The server alone learns nothing; the parties must trust each other not to give \
     the server the key and not to take other parties' ciphertexts from it. A server and one party together can open every \
     update.",
);

/// What holds where several must join.
pub const THRESHOLD: Statement = (
    "Mode `threshold`",
    "A trusted dealer gives each party a share of the private key and then forgets it. A sum is opened only if as many \
     parties as the plan says give their share of its decryption, and honest parties do so for completed sums alone: the \
     server together with fewer parties than that cannot open a single update. So many parties together with the server \
     can.",
);

/// The statements of a mode, in the order of printing.
pub fn statements(mode: Mode) -> Vec<Statement> {
    let own = match mode {
        Mode::SharedKey => SHARED_KEY,
        Mode::Threshold { .. } => THRESHOLD,
    };
    std::iter::once(own).chain(ALWAYS.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a14_the_readme_prints_the_threat_model() {
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let readme = flat(include_str!("../../README.md"));
        for (heading, text) in ALWAYS.iter().chain([&SHARED_KEY, &THRESHOLD]) {
            assert!(readme.contains(&flat(text)), "{heading}");
            assert!(readme.contains(heading), "{heading}");
        }
        assert_eq!(statements(Mode::SharedKey)[0], SHARED_KEY);
        assert_eq!(statements(Mode::Threshold { needed: 2 })[0], THRESHOLD);
    }
}
