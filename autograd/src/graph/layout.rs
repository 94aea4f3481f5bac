//! Placement of boxes and arrows: layers, as in Sugiyama, Tagawa & Toda (1981).
//!
//! 1. A box lies in the layer behind its last input; a box with long outgoing arrows moves towards its reader.
//! 2. An arrow over several layers passes through a point in each layer between. Arrows from one box share their
//!    points.
//! 3. Boxes and points of a layer are ordered by the barycentre of their neighbours, in sweeps to and fro. The order
//!    with the fewest crossings is kept.
//! 4. Each layer takes the places nearest to those of its neighbours that keep its order and its distances: an
//!    isotonic regression. Then the points of an arrow line up where there is room.
//!
//! Positions are (along, across) the direction of flow. The result is deterministic, and no two boxes overlap.

/// A position along and across the direction of flow.
pub(super) type Point = (f64, f64);

/// The distance between boxes of a layer.
const ACROSS: f64 = 18.0;
/// The least distance between layers.
const ALONG: f64 = 40.0;
/// The last piece of an arrow is straight, to carry its head.
const HEAD: f64 = 9.0;
/// The breadth that an arrow takes where it passes through a layer.
const LANE: f64 = 6.0;

#[derive(Debug)]
pub(super) struct Layout {
    /// The centre of each box.
    pub(super) centres: Vec<Point>,
    pub(super) arrows: Vec<Arrow>,
    /// The extent of the drawing.
    pub(super) size: Point,
}

/// An arrow from `start` to `end`: straight lines from bend to bend, and a curve in each bend.
#[derive(Debug)]
pub(super) struct Arrow {
    pub(super) start: Point,
    pub(super) bends: Vec<[Point; 2]>,
    pub(super) end: Point,
}

/// A box, or a point that arrows pass through.
struct Vertex {
    layer: usize,
    /// (along, across)
    size: Point,
    /// The vertices that it reads, in the layer before.
    before: Vec<usize>,
    after: Vec<usize>,
}

impl Vertex {
    fn is_point(&self) -> bool {
        self.size.0 == 0.0
    }
}

/// Arranges boxes of these sizes; `inputs` lists for each box the boxes that it reads, with smaller indices.
pub(super) fn layout(sizes: &[Point], inputs: &[Vec<usize>]) -> Layout {
    let layer = layers(inputs);
    let vertices = vertices(sizes, inputs, &layer);
    let order = order(&vertices);
    let across = places(&vertices, &order);

    // Layers lie one behind the other; the steeper the arrows between two layers, the wider the gap.
    let thickness = |layer: &Vec<usize>| layer.iter().map(|&v| vertices[v].size.0).fold(0.0, f64::max);
    let mut spans: Vec<Point> = vec![]; // where each layer starts and ends
    let mut along = 0.0;
    for layer in &order {
        if !spans.is_empty() {
            let jumps = layer.iter().flat_map(|&v| vertices[v].before.iter().map(move |&u| (u, v)));
            let steepest = jumps.map(|(u, v)| (across[u] - across[v]).abs()).fold(0.0, f64::max);
            along += (0.3 * steepest).clamp(ALONG, 3.0 * ALONG);
        }
        spans.push((along, along + thickness(layer)));
        along += thickness(layer);
    }

    let middle = |v: usize| ((spans[vertices[v].layer].0 + spans[vertices[v].layer].1) / 2.0, across[v]);
    let centres: Vec<Point> = (0..sizes.len()).map(middle).collect();
    let mut arrows = vec![];
    for to in 0..sizes.len() {
        // Arrows reach a box in the order of their origins, so that they do not cross before it.
        let mut entries = vertices[to].before.clone();
        entries.sort_by(|&u, &v| across[u].total_cmp(&across[v]));
        for (k, &entry) in entries.iter().enumerate() {
            let spread = 0.7 * sizes[to].1 * ((k as f64 + 0.5) / entries.len() as f64 - 0.5);
            let end = (centres[to].0 - sizes[to].0 / 2.0, across[to] + spread);
            let mut through = vec![entry];
            while through[through.len() - 1] >= sizes.len() {
                through.push(vertices[through[through.len() - 1]].before[0]);
            }
            through.reverse();
            let from = through[0];
            let start = (centres[from].0 + sizes[from].0 / 2.0, across[from]);
            // A curve from the end of each layer on the way to the start of the next.
            let leave = |&v: &usize| (spans[vertices[v].layer].1, across[v]);
            let arrive = through[1..].iter().map(|&v| (spans[vertices[v].layer].0, across[v]));
            let last = (spans[vertices[to].layer].0 - HEAD, end.1);
            let bends = through.iter().map(leave).zip(arrive.chain([last])).map(|(a, b)| [a, b]).collect();
            arrows.push(Arrow { start, bends, end });
        }
    }
    let edge = |v: usize| across[v] + vertices[v].size.1 / 2.0;
    let breadth = (0..vertices.len()).map(edge).fold(0.0, f64::max);
    Layout { centres, arrows, size: (along, breadth) }
}

/// The layer of each box.
fn layers(inputs: &[Vec<usize>]) -> Vec<usize> {
    let mut layer = vec![0; inputs.len()];
    let mut readers = vec![vec![]; inputs.len()];
    for (to, inputs) in inputs.iter().enumerate() {
        layer[to] = inputs.iter().map(|&from| layer[from] + 1).max().unwrap_or(0);
        inputs.iter().for_each(|&from| readers[from].push(to));
    }
    for from in (0..inputs.len()).rev() {
        let first = readers[from].iter().map(|&to| layer[to] - 1).min();
        // Moving a box towards its readers lengthens its incoming arrows and shortens its outgoing ones.
        if inputs[from].len() <= readers[from].len() {
            layer[from] = first.unwrap_or(layer[from]);
        }
    }
    layer
}

/// The boxes, followed by the points through which long arrows pass.
fn vertices(sizes: &[Point], inputs: &[Vec<usize>], layer: &[usize]) -> Vec<Vertex> {
    let new = |layer, size| Vertex { layer, size, before: vec![], after: vec![] };
    let mut vertices: Vec<Vertex> = sizes.iter().zip(layer).map(|(&size, &layer)| new(layer, size)).collect();
    let mut trails: Vec<Vec<usize>> = (0..sizes.len()).map(|from| vec![from]).collect();
    for (to, inputs) in inputs.iter().enumerate() {
        for &from in inputs {
            let distance = layer[to] - layer[from];
            while trails[from].len() < distance {
                let (last, point) = (trails[from][trails[from].len() - 1], vertices.len());
                vertices.push(new(vertices[last].layer + 1, (0.0, LANE)));
                vertices[point].before.push(last);
                vertices[last].after.push(point);
                trails[from].push(point);
            }
            let last = trails[from][distance - 1];
            vertices[to].before.push(last);
            vertices[last].after.push(to);
        }
    }
    vertices
}

/// The vertices of each layer, in order.
fn order(vertices: &[Vertex]) -> Vec<Vec<usize>> {
    let count = vertices.iter().map(|v| v.layer + 1).max().unwrap_or(0);
    let mut order = vec![vec![]; count];
    for (v, vertex) in vertices.iter().enumerate() {
        order[vertex.layer].push(v);
    }
    let mut best = order.clone();
    let mut fewest = crossings(vertices, &order);
    let mut rank = vec![0.0; vertices.len()];
    for sweep in 0..24 {
        let forward = sweep % 2 == 0;
        let layers: Vec<usize> = if forward { (0..count).collect() } else { (0..count).rev().collect() };
        for layer in layers {
            order.iter().for_each(|layer| (0..).zip(layer).for_each(|(k, &v)| rank[v] = f64::from(k)));
            let barycentre = |&v: &usize| {
                let near = if forward { &vertices[v].before } else { &vertices[v].after };
                if near.is_empty() { rank[v] } else { near.iter().map(|&u| rank[u]).sum::<f64>() / near.len() as f64 }
            };
            order[layer].sort_by(|u, v| barycentre(u).total_cmp(&barycentre(v)));
        }
        let crossings = crossings(vertices, &order);
        if crossings < fewest {
            (best, fewest) = (order.clone(), crossings);
        }
    }
    best
}

/// The number of crossings between arrows of neighbouring layers.
fn crossings(vertices: &[Vertex], order: &[Vec<usize>]) -> usize {
    let mut rank = vec![0; vertices.len()];
    order.iter().for_each(|layer| layer.iter().enumerate().for_each(|(k, &v)| rank[v] = k));
    let mut crossings = 0;
    for layer in order {
        let arrows: Vec<(usize, usize)> = layer
            .iter()
            .flat_map(|&v| vertices[v].before.iter().map(|&u| (rank[u], rank[v])).collect::<Vec<_>>())
            .collect();
        for (k, a) in arrows.iter().enumerate() {
            crossings +=
                arrows[k + 1..].iter().filter(|b| (a.0 < b.0 && b.1 < a.1) || (b.0 < a.0 && a.1 < b.1)).count();
        }
    }
    crossings
}

/// The least distance between the centres of two neighbours in a layer.
fn apart(u: &Vertex, v: &Vertex) -> f64 {
    (u.size.1 + v.size.1) / 2.0 + ACROSS
}

/// The place of each vertex across the flow; the first edge is at 0.
fn places(vertices: &[Vertex], order: &[Vec<usize>]) -> Vec<f64> {
    let mut across = vec![0.0; vertices.len()];
    let apart = |u: usize, v: usize| apart(&vertices[u], &vertices[v]);
    for layer in order {
        for pair in layer.windows(2) {
            across[pair[1]] = across[pair[0]] + apart(pair[0], pair[1]);
        }
    }
    const SWEEPS: usize = 300;
    for sweep in 0..SWEEPS {
        let layers: Vec<usize> =
            if sweep % 2 == 0 { (0..order.len()).collect() } else { (0..order.len()).rev().collect() };
        for layer in layers {
            let wish = |&v: &usize| {
                // Long arrows are straightened in preference to short ones. The first sweeps look one way, to spread
                // layers out; the last sweeps look both ways.
                let weight = |u: usize| if vertices[u].is_point() && vertices[v].is_point() { 4.0 } else { 1.0 };
                let (before, after) = (&vertices[v].before[..], &vertices[v].after[..]);
                let near = match sweep % 2 {
                    _ if sweep >= SWEEPS / 2 => [before, after],
                    0 => [before, &[]],
                    _ => [&[], after],
                };
                let near = || near.iter().copied().flatten().copied();
                let weights: f64 = near().map(weight).sum();
                let wish = near().map(|u| weight(u) * across[u]).sum::<f64>() / weights;
                if weights > 0.0 { (wish, weights) } else { (across[v], 0.01) }
            };
            let wishes: Vec<(f64, f64)> = order[layer].iter().map(wish).collect();
            let distances = order[layer].windows(2).map(|pair| apart(pair[0], pair[1]));
            for (&v, place) in order[layer].iter().zip(nearest(&wishes, distances)) {
                across[v] = place;
            }
        }
    }
    straighten(vertices, order, &mut across);
    let edge = |v: usize| across[v] - vertices[v].size.1 / 2.0;
    let first = (0..vertices.len()).map(edge).fold(f64::INFINITY, f64::min);
    across.iter().map(|place| place - first).collect()
}

/// Gives neighbouring points of one trail the same place, over as many layers as the room allows.
fn straighten(vertices: &[Vertex], order: &[Vec<usize>], across: &mut [f64]) {
    let mut rank = vec![0; vertices.len()];
    order.iter().for_each(|layer| layer.iter().enumerate().for_each(|(k, &v)| rank[v] = k));
    let starts = |v: &usize| vertices[*v].is_point() && !vertices[vertices[*v].before[0]].is_point();
    let trails: Vec<Vec<usize>> = (0..vertices.len())
        .filter(starts)
        .map(|v| {
            let next = |&v: &usize| vertices[v].after.iter().copied().find(|&u| vertices[u].is_point());
            std::iter::successors(Some(v), next).collect()
        })
        .collect();
    // Each trail may make room for others.
    for trail in (0..8).flat_map(|_| &trails) {
        let mut rest = &trail[..];
        while !rest.is_empty() {
            let (mut low, mut high, mut run) = (f64::NEG_INFINITY, f64::INFINITY, 0);
            for &v in rest {
                let (layer, k) = (&order[vertices[v].layer], rank[v]);
                let after = |&u: &usize| across[u] + apart(&vertices[u], &vertices[v]);
                let before = |&u: &usize| across[u] - apart(&vertices[u], &vertices[v]);
                let from = k.checked_sub(1).map_or(low, |k| after(&layer[k]).max(low));
                let to = layer.get(k + 1).map_or(high, |u| before(u).min(high));
                if from > to {
                    break;
                }
                (low, high, run) = (from, to, run + 1);
            }
            // By round-off, a point that touches both neighbours may seem to have no room: it stays.
            let run_of = &rest[..run.max(1)];
            if run > 0 {
                let mean = run_of.iter().map(|&v| across[v]).sum::<f64>() / run as f64;
                run_of.iter().for_each(|&v| across[v] = mean.clamp(low, high));
            }
            rest = &rest[run_of.len()..];
        }
    }
}

/// The places nearest to the wishes, by weighted squares, that are at least the given distances apart.
///
/// Measured from the closest packing, places must not decrease: an isotonic regression, solved by pooling the
/// neighbours that would decrease.
fn nearest(wishes: &[(f64, f64)], distances: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut packing = vec![0.0];
    for distance in distances {
        packing.push(packing[packing.len() - 1] + distance);
    }
    let mut pools: Vec<(f64, f64, usize)> = vec![]; // mean, weight, members
    for (&(wish, weight), offset) in wishes.iter().zip(&packing) {
        let mut pool = (wish - offset, weight, 1);
        while let Some(last) = pools.pop_if(|last| last.0 >= pool.0) {
            let weight = last.1 + pool.1;
            pool = ((last.0 * last.1 + pool.0 * pool.1) / weight, weight, last.2 + pool.2);
        }
        pools.push(pool);
    }
    let means = pools.iter().flat_map(|&(mean, _, members)| std::iter::repeat_n(mean, members));
    means.zip(packing).map(|(mean, offset)| mean + offset).collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn places_keep_their_distance_and_move_least() {
        let close = |wishes: &[(f64, f64)], want: &[f64]| {
            let found = nearest(wishes, std::iter::repeat_n(10.0, wishes.len() - 1));
            assert!(found.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {want:?}");
        };
        close(&[(0.0, 1.0), (50.0, 1.0)], &[0.0, 50.0]);
        close(&[(0.0, 1.0), (0.0, 1.0), (0.0, 1.0)], &[-10.0, 0.0, 10.0]);
        close(&[(0.0, 3.0), (0.0, 1.0)], &[-2.5, 7.5]);
    }

    #[test]
    fn a_leaf_lies_before_its_first_reader() {
        assert_eq!(layers(&[vec![], vec![0], vec![1], vec![], vec![2, 3]]), [0, 1, 2, 2, 3]);
    }

    #[test]
    fn two_crossing_arrows_are_untangled() {
        let vertices = vertices(&[(9.0, 9.0); 4], &[vec![], vec![], vec![1], vec![0]], &[0, 0, 1, 1]);
        assert_eq!(crossings(&vertices, &[vec![0, 1], vec![2, 3]]), 1);
        assert_eq!(crossings(&vertices, &order(&vertices)), 0);
    }

    /// Points on an arrow, as it is drawn: straight, then curves whose ends lie along the flow.
    fn points(arrow: &Arrow) -> Vec<Point> {
        let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
        let mut corners = vec![arrow.start];
        let mut points = vec![];
        for &[a, b] in &arrow.bends {
            corners.push(a);
            let (s, m) = (|t: f64| t * t * (3.0 - 2.0 * t), (a.0 + b.0) / 2.0);
            let along = |t: f64| (1.0 - t).powi(3) * a.0 + 3.0 * t * (1.0 - t) * m + t.powi(3) * b.0;
            points.extend((0..=20).map(|k| f64::from(k) / 20.0).map(|t| (along(t), mix(a.1, b.1, s(t)))));
            corners.push(b);
        }
        corners.push(arrow.end);
        for pair in corners.chunks(2) {
            points.extend(
                (0..=20)
                    .map(|k| f64::from(k) / 20.0)
                    .map(|t| (mix(pair[0].0, pair[1].0, t), mix(pair[0].1, pair[1].1, t))),
            );
        }
        points
    }

    #[test]
    fn boxes_do_not_overlap_and_arrows_pass_between_them() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..100 {
            let n = rng.random_range(1..60);
            let sizes: Vec<Point> =
                (0..n).map(|_| (rng.random_range(20.0..200.0), rng.random_range(20.0..90.0))).collect();
            let inputs: Vec<Vec<usize>> = (0..n)
                .map(|to| (0..rng.random_range(0..4)).filter(|_| to > 0).map(|_| rng.random_range(0..to)).collect())
                .collect();
            let layout = layout(&sizes, &inputs);
            assert_eq!(layout.arrows.len(), inputs.iter().map(Vec::len).sum::<usize>());
            let inside = |point: Point, k: usize, margin: f64| {
                (point.0 - layout.centres[k].0).abs() < sizes[k].0 / 2.0 + margin
                    && (point.1 - layout.centres[k].1).abs() < sizes[k].1 / 2.0 + margin
            };
            for a in 0..n {
                let (centre, size) = (layout.centres[a], sizes[a]);
                assert!(centre.0 - size.0 / 2.0 > -1e-9 && centre.0 + size.0 / 2.0 < layout.size.0 + 1e-9);
                assert!(centre.1 - size.1 / 2.0 > -1e-9 && centre.1 + size.1 / 2.0 < layout.size.1 + 1e-9);
                for (b, (other, size_b)) in layout.centres.iter().zip(&sizes).take(a).enumerate() {
                    let apart = |p: f64, q: f64, s: f64, t: f64| (p - q).abs() > (s + t) / 2.0 + 10.0;
                    let free = apart(centre.0, other.0, size.0, size_b.0) || apart(centre.1, other.1, size.1, size_b.1);
                    assert!(free, "boxes {a} and {b}");
                }
            }
            for arrow in &layout.arrows {
                for point in points(arrow) {
                    assert!((0..n).all(|k| !inside(point, k, -1e-6)), "{arrow:?} enters a box at {point:?}");
                }
            }
        }
    }
}
