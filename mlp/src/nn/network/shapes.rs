//! The shapes behind the parts of a [`Network`], foretold without computing anything.

use autograd::{Float, Shape};

use super::{Does, Join, Network, Node};
use crate::error::Error;
use crate::nn::module::{LayerRow, Module, rows_behind};

impl<T: Float> Network<T> {
    /// The shape of a joined value, if all are known.
    fn joined(join: Join, node: &Node<T>, shapes: &[Option<Shape>]) -> Result<Option<Shape>, Error> {
        let read: Option<Vec<Shape>> = node.reads.iter().map(|&place| shapes[place].clone()).collect();
        read.map(|read| join.shape(&read).map_err(at(node))).transpose()
    }

    /// The shapes of all values behind those of the inputs, `None` where one is not known.
    pub(super) fn shapes(&self, mut shapes: Vec<Option<Shape>>) -> Result<Vec<Option<Shape>>, Error> {
        for node in &self.nodes {
            let behind = |module: &dyn Module<T>| match &shapes[node.reads[0]] {
                Some(input) => module.output_shape(input).map_err(at(node)),
                None => Ok(None),
            };
            let shape = match &node.does {
                Does::Part(module) => behind(&**module)?,
                Does::Same(part) => behind(self.module(*part))?,
                Does::Join(join) => Self::joined(*join, node, &shapes)?,
            };
            shapes.push(shape);
        }
        Ok(shapes)
    }

    /// `Ok` if all parts can be trained on what reaches them from inputs of these shapes.
    pub(super) fn check_training_on(&self, inputs: Vec<Option<Shape>>) -> Result<(), Error> {
        let shapes = self.shapes(inputs)?;
        for node in &self.nodes {
            if let (Some(module), Some(input)) = (self.module_of(node), &shapes[node.reads[0]]) {
                module.check_training(input).map_err(at(node))?;
            }
        }
        Ok(())
    }

    /// The rows of all parts, with the shapes behind them. Each module is asked once: the shape behind it stands in its last row.
    pub(super) fn rows(&self, mut shapes: Vec<Option<Shape>>) -> Result<Vec<(LayerRow, Option<Shape>)>, Error> {
        let mut rows = vec![];
        for (i, node) in self.nodes.iter().enumerate() {
            let row =
                |layer: String| LayerRow { layer, shape: String::new(), activation: String::new(), parameters: 0 };
            let input = &shapes[node.reads[0]];
            let (mut own, shape) = match &node.does {
                Does::Join(join) => {
                    let shape = Self::joined(*join, node, &shapes)?;
                    (vec![(row(join.to_string()), shape.clone())], shape)
                }
                Does::Same(part) => {
                    let shape = input.as_ref().map(|input| self.module(*part).output_shape(input).map_err(at(node)));
                    let shape = shape.transpose()?.flatten();
                    (vec![(row(format!("same as {}", self.nodes[*part].name)), shape.clone())], shape)
                }
                Does::Part(module) => rows_behind(&**module, input.as_ref()).map_err(at(node))?,
            };
            for (row, _) in &mut own {
                row.layer = format!("{} {}", node.name, row.layer);
            }
            // What is read is said, unless it is the value right before.
            if let Some((first, _)) = own.first_mut().filter(|_| node.reads != [self.inputs.len() + i - 1]) {
                let read: Vec<_> = node.reads.iter().map(|&place| self.name(place)).collect();
                first.layer += &format!(" ← {}", read.join(", "));
            }
            shapes.push(shape);
            rows.append(&mut own);
        }
        Ok(rows)
    }
}

/// Names the part that refused a shape.
fn at<T: Float>(node: &Node<T>) -> impl FnOnce(Error) -> Error + use<T> {
    let layer = node.name.clone();
    |problem| Error::Layer { layer, problem: Box::new(problem) }
}
