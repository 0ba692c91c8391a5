//! Cost-complexity pruning (Breiman, Friedman, Olshen and Stone, "Classification and regression trees", 1984).
//!
//! Cutting the weakest link again and again, as long as its strength is at most `alpha`, ends at the smallest subtree of
//! the least cost plus `alpha` a leaf. That subtree is found here from the leaves up, in one pass.

use super::node::{Node, Tree};

/// Cuts off every subtree whose leaves lower the impurity, weighed by the share of all weight, by at most `alpha` each.
pub(super) fn prune(mut tree: Tree, alpha: f64) -> Tree {
    let total = tree.nodes.first().map_or(1.0, |node| node.weight);
    let mut cost: Vec<f64> = tree.nodes.iter().map(|node| node.impurity * node.weight / total + alpha).collect();
    // Children stand behind their parents.
    for i in (0..tree.nodes.len()).rev() {
        let Some((left, right)) = tree.nodes[i].split.as_ref().map(|split| (split.left, split.right)) else { continue };
        let below = cost[left] + cost[right];
        if alpha > 0.0 && cost[i] <= below {
            tree.nodes[i].split = None;
        } else {
            cost[i] = below;
        }
    }
    compact(tree)
}

/// Without the nodes that nothing leads to, in the order of a walk that goes left first.
fn compact(tree: Tree) -> Tree {
    let mut order = vec![];
    let mut open = vec![0];
    while let Some(node) = open.pop() {
        order.push(node);
        if let Some(split) = &tree.nodes[node].split {
            open.extend([split.right, split.left]);
        }
    }
    let mut places = vec![0; tree.nodes.len()];
    order.iter().enumerate().for_each(|(place, &node)| places[node] = place);
    let mut nodes: Vec<Option<Node>> = tree.nodes.into_iter().map(Some).collect();
    let mut kept: Vec<Node> = order.iter().filter_map(|&node| nodes[node].take()).collect();
    for split in kept.iter_mut().filter_map(|node| node.split.as_mut()) {
        split.left = places[split.left];
        split.right = places[split.right];
    }
    Tree { nodes: kept }
}
