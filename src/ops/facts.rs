//! What `nightloom ops` shows.

use super::{Case, Op, Registry};

/// An operation's facts, as the registry knows them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OpFacts {
    /// Its name.
    pub name: &'static str,
    /// Its equation.
    pub equation: &'static str,
    /// Its kernels, in the order of their first use.
    pub kernels: Vec<&'static str>,
    /// Its shaders' files, without their ending.
    pub shaders: Vec<&'static str>,
    /// Cases that the tests run.
    pub tested: usize,
    /// Cases that the benches time.
    pub timed: usize,
}

impl OpFacts {
    fn of(op: &dyn Op) -> Self {
        let cases = op.cases();
        let mut kernels = vec![];
        for call in cases.iter().flat_map(|case| &case.calls) {
            if !kernels.contains(&call.kernel.name()) {
                kernels.push(call.kernel.name());
            }
        }
        let count = |wanted: fn(&Case) -> bool| cases.iter().filter(|case| wanted(case)).count();
        Self {
            name: op.name(),
            equation: op.summary(),
            kernels,
            shaders: op.shaders().iter().map(|shader| shader.name).collect(),
            tested: count(|case| case.tested),
            timed: count(|case| case.timed),
        }
    }
}

impl Registry {
    /// The facts of every operation, in order.
    pub fn facts(&self) -> Vec<OpFacts> {
        self.ops().iter().map(|op| OpFacts::of(*op)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Registry;

    #[test]
    fn e6_the_list_names_each_op_with_its_kernels_and_cases() {
        let facts = Registry::standard().facts();
        let distance = facts.iter().find(|op| op.name == "distance").expect("listed");
        assert_eq!(distance.kernels[..3], ["distance", "distance.cosine", "distance.manhattan"]);
        assert_eq!(distance.shaders, ["distance"]);
        assert!(distance.equation.contains("dist[f,i,..]"));
        assert!(distance.tested >= 5 && distance.timed >= 1, "{distance:?}");
        assert_eq!(facts.len(), Registry::standard().ops().len());
    }
}
