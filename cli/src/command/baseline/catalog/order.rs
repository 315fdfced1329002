//! In which order objects are made: each after what it needs, and otherwise always in the same order, whatever their numbers are.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

/// What stands for an object: the catalog, or a word for what has no row of its own, and a number.
pub(super) type Id = (String, u32);

/// When it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    BeforeRows,
    AfterRows,
    /// When there is nothing more to be made.
    Last,
}

/// An object, and how it is made.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) id: Id,
    pub(super) section: Section,
    pub(super) rank: i32,
    pub(super) schema: String,
    pub(super) name: String,
    /// As headings have it.
    pub(super) kind: String,
    pub(super) statements: String,
}

impl Node {
    /// What it is called, for people.
    pub(super) fn called(&self) -> String {
        let Self { kind, schema, name, .. } = self;
        let kind = kind.to_lowercase();
        if schema == "-" { format!("{kind} {name}") } else { format!("{kind} {schema}.{name}") }
    }
}

/// That one object needs another one.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) from: Id,
    pub(super) to: Id,
    pub(super) tie: Tie,
}

/// How objects are tied, the closest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tie {
    Needs,
    GoesWith,
    PartOf,
    OfExtension,
}

/// What is part of what, for everything that is not made by itself.
#[derive(Debug)]
pub(super) struct Wholes {
    nodes: HashMap<Id, usize>,
    wholes: HashMap<Id, (Tie, Id)>,
}

impl Wholes {
    pub(super) fn of(nodes: &[Node], edges: &[Edge]) -> Self {
        let nodes = nodes.iter().enumerate().map(|(at, node)| (node.id.clone(), at)).collect();
        let mut wholes = Self { nodes, wholes: HashMap::new() };
        for edge in edges.iter().filter(|edge| edge.tie != Tie::Needs && !wholes.nodes.contains_key(&edge.from)) {
            let whole = wholes.wholes.entry(edge.from.clone()).or_insert_with(|| (edge.tie, edge.to.clone()));
            if whole.0 < edge.tie {
                *whole = (edge.tie, edge.to.clone());
            }
        }
        wholes
    }

    /// The node by which an object is made: its own, or that of what it is a part of.
    pub(super) fn node(&self, id: &Id) -> Option<usize> {
        let mut id = id;
        // No object is part of itself by way of more than these: an array of rows of a table of an extension.
        for _ in 0..16 {
            if let Some(at) = self.nodes.get(id) {
                return Some(*at);
            }
            id = &self.wholes.get(id)?.1;
        }
        None
    }
}

/// The nodes in their order, each in the section in which it can be made: that of what it needs, if that is a later one.
///
/// # Errors
///
/// If some of them need each other. It holds these, and what stands between them.
pub(super) fn ordered(mut nodes: Vec<Node>, edges: &[Edge]) -> Result<Vec<Node>, Vec<Node>> {
    let wholes = Wholes::of(&nodes, edges);
    let mut pairs = BTreeSet::new();
    for edge in edges {
        if let (Some(from), Some(to)) = (wholes.node(&edge.from), wholes.node(&edge.to))
            && from != to
        {
            pairs.insert((to, from));
        }
    }
    let mut waits = vec![0_usize; nodes.len()];
    let mut waiting = vec![Vec::new(); nodes.len()];
    for (needed, by) in pairs {
        if let (Some(count), Some(list)) = (waits.get_mut(by), waiting.get_mut(needed)) {
            *count += 1;
            list.push(by);
        }
    }
    let places = places(&nodes);
    let place = |at: usize| places.get(at).copied().unwrap_or_default();
    let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
        waits.iter().enumerate().filter(|(_, count)| **count == 0).map(|(at, _)| Reverse((place(at), at))).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse((_, at))) = ready.pop() {
        order.push(at);
        let section = nodes.get(at).map_or(Section::BeforeRows, |node| node.section);
        for &by in waiting.get(at).into_iter().flatten() {
            if let Some(node) = nodes.get_mut(by) {
                node.section = node.section.max(section);
            }
            if let Some(count) = waits.get_mut(by) {
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse((place(by), by)));
                }
            }
        }
    }
    let position: HashMap<usize, usize> = order.iter().enumerate().map(|(position, at)| (*at, position)).collect();
    let mut numbered: Vec<(Option<usize>, Node)> =
        nodes.into_iter().enumerate().map(|(at, node)| (position.get(&at).copied(), node)).collect();
    let stuck: BTreeSet<usize> = (0..numbered.len()).filter(|at| !position.contains_key(at)).collect();
    if !stuck.is_empty() {
        let guilty = that_need_each_other(stuck, &waiting);
        let mut circle: Vec<(usize, Node)> = numbered
            .into_iter()
            .enumerate()
            .filter(|(at, _)| guilty.contains(at))
            .map(|(at, (_, node))| (place(at), node))
            .collect();
        circle.sort_by_key(|(place, _)| *place);
        return Err(circle.into_iter().map(|(_, node)| node).collect());
    }
    numbered.sort_by_key(|(position, node)| (node.section, *position));
    Ok(numbered.into_iter().map(|(_, node)| node).collect())
}

/// Of those that nothing could be made before, the ones that are needed by one of them: the others only hang on a circle.
fn that_need_each_other(mut stuck: BTreeSet<usize>, waiting: &[Vec<usize>]) -> BTreeSet<usize> {
    loop {
        let is_needed =
            |at: &usize| waiting.get(*at).is_some_and(|waiting| waiting.iter().any(|by| stuck.contains(by)));
        let needed: BTreeSet<usize> = stuck.iter().copied().filter(is_needed).collect();
        if needed.len() == stuck.len() {
            return stuck;
        }
        stuck = needed;
    }
}

/// Of each node, which one it would be if none needed another one.
fn places(nodes: &[Node]) -> Vec<usize> {
    let mut by_place: Vec<usize> = (0..nodes.len()).collect();
    let key = |at: usize| {
        nodes.get(at).map(|node| (node.section, node.rank, &node.schema, &node.name, &node.kind, &node.statements))
    };
    by_place.sort_by(|one, other| key(*one).cmp(&key(*other)));
    let mut places = vec![0; nodes.len()];
    for (place, at) in by_place.into_iter().enumerate() {
        if let Some(it) = places.get_mut(at) {
            *it = place;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::{Edge, Id, Node, Section, Tie, ordered};

    fn id(name: &str) -> Id {
        (name.to_owned(), 1)
    }

    fn node(name: &str, rank: i32, section: Section) -> Node {
        Node {
            id: id(name),
            section,
            rank,
            schema: "s".to_owned(),
            name: name.to_owned(),
            kind: "TABLE".to_owned(),
            statements: String::new(),
        }
    }

    fn edge(from: &str, to: &str, tie: Tie) -> Edge {
        Edge { from: id(from), to: id(to), tie }
    }

    fn names(nodes: &[Node]) -> Vec<String> {
        nodes.iter().map(|node| node.name.clone()).collect()
    }

    #[test]
    fn what_needs_nothing_comes_by_rank_and_name() {
        let nodes = [("b", 2), ("a", 2), ("z", 1)].map(|(name, rank)| node(name, rank, Section::BeforeRows));
        assert_eq!(names(&ordered(nodes.to_vec(), &[]).expect("ordered")), ["z", "a", "b"]);
    }

    #[test]
    fn each_comes_after_what_it_needs_by_way_of_what_has_no_statement() {
        let nodes = ["a", "b", "c"].map(|name| node(name, 1, Section::BeforeRows)).to_vec();
        let edges = [
            edge("a", "row type of c", Tie::Needs),
            edge("row type of c", "c", Tie::PartOf),
            edge("c", "default of c", Tie::Needs),
            edge("default of c", "c", Tie::GoesWith),
            edge("default of c", "b", Tie::Needs),
            edge("c", "gone", Tie::Needs),
        ];
        assert_eq!(names(&ordered(nodes, &edges).expect("ordered")), ["b", "c", "a"]);
    }

    #[test]
    fn what_is_of_an_extension_is_made_by_it_whatever_else_it_goes_with() {
        let nodes = ["a", "b", "extension"].map(|name| node(name, 1, Section::BeforeRows)).to_vec();
        let edges =
            [edge("a", "it", Tie::Needs), edge("it", "b", Tie::PartOf), edge("it", "extension", Tie::OfExtension)];
        assert_eq!(names(&ordered(nodes, &edges).expect("ordered")), ["b", "extension", "a"]);
    }

    #[test]
    fn what_needs_something_after_rows_comes_after_rows_itself() {
        let nodes = vec![
            node("view", 1, Section::BeforeRows),
            node("key", 5, Section::AfterRows),
            node("of view", 1, Section::BeforeRows),
            node("table", 2, Section::BeforeRows),
        ];
        let edges =
            [edge("view", "key", Tie::Needs), edge("key", "table", Tie::Needs), edge("of view", "view", Tie::Needs)];
        let ordered = ordered(nodes, &edges).expect("ordered");
        assert_eq!(names(&ordered), ["table", "key", "view", "of view"]);
        assert_eq!(ordered.iter().filter(|node| node.section == Section::BeforeRows).count(), 1);
    }

    #[test]
    fn those_that_need_each_other_are_named() {
        let nodes = ["a", "b", "c"].map(|name| node(name, 1, Section::BeforeRows)).to_vec();
        let edges = [edge("a", "b", Tie::Needs), edge("b", "a", Tie::Needs)];
        assert_eq!(names(&ordered(nodes, &edges).expect_err("a circle")), ["a", "b"]);
        let nodes = ["d", "c", "b", "a"].map(|name| node(name, 1, Section::BeforeRows)).to_vec();
        let on_top = [edge("c", "a", Tie::Needs), edge("d", "c", Tie::Needs)];
        let edges = [&edges[..], &on_top].concat();
        assert_eq!(names(&ordered(nodes, &edges).expect_err("a circle")), ["a", "b"]);
    }
}
