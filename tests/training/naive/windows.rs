//! Convolution and pooling, in both directions.

use nightloom::model::{LayerSpec, NamedPadding, Padding, PlanePadding, Sides, TensorShape};

use super::activate;

/// Windows; pairs are [height, length].
struct Windows {
    size: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
}

fn pair(sides: Sides) -> [usize; 2] {
    match sides {
        Sides::Each(n) => [n, n],
        Sides::Both(both) => both,
    }
}

impl Windows {
    fn pool(input: TensorShape, window: Sides, stride: Sides) -> Self {
        let flat = |sides: Sides, height: usize| match sides {
            Sides::Each(n) if input.height == 1 => [height, n],
            other => pair(other),
        };
        let (size, given) = (flat(window, 1), flat(stride, 1));
        let stride = [0, 1].map(|i| if given[i] == 0 { size[i] } else { given[i] });
        Self { size, stride, padding: [0, 0], dilation: [1, 1] }
    }

    fn of(layer: &LayerSpec, input: TensorShape) -> Self {
        let same = |size: [usize; 2], dilation: [usize; 2]| [0, 1].map(|i| (size[i] - 1) / 2 * dilation[i]);
        match *layer {
            LayerSpec::Conv1d { kernel, stride, padding, dilation, .. } => {
                let (size, dilation) = ([1, kernel], [1, dilation]);
                let padding = match padding {
                    Padding::Each(n) => [0, n],
                    Padding::Named(NamedPadding::Same) => same(size, dilation),
                    Padding::Named(NamedPadding::Valid) => [0, 0],
                };
                Self { size, stride: [1, stride], padding, dilation }
            }
            LayerSpec::Conv2d { kernel, stride, padding, dilation, .. } => {
                let (size, dilation) = (pair(kernel), pair(dilation));
                let padding = match padding {
                    PlanePadding::Each(n) => [n, n],
                    PlanePadding::Both(both) => both,
                    PlanePadding::Named(NamedPadding::Same) => same(size, dilation),
                    PlanePadding::Named(NamedPadding::Valid) => [0, 0],
                };
                Self { size, stride: pair(stride), padding, dilation }
            }
            LayerSpec::MaxPool { window, stride } | LayerSpec::AveragePool { window, stride } => {
                Self::pool(input, window, stride)
            }
            _ => Self::pool(input, Sides::Both([input.height, input.length]), Sides::Both([1, 1])),
        }
    }

    fn outputs(&self, input: TensorShape) -> [usize; 2] {
        let extent = [input.height, input.length];
        [0, 1].map(|i| {
            let reach = (self.size[i] - 1) * self.dilation[i] + 1;
            (extent[i] + 2 * self.padding[i] - reach) / self.stride[i] + 1
        })
    }

    /// The places of x under the taps of window (`y`, `x`), tap after tap; `None` in the padding.
    fn places(&self, input: TensorShape, y: usize, x: usize) -> Vec<Option<usize>> {
        let mut places = vec![];
        for ky in 0..self.size[0] {
            for kx in 0..self.size[1] {
                let place = |out: usize, k: usize, i: usize, extent: usize| {
                    let at = out * self.stride[i] + k * self.dilation[i];
                    at.checked_sub(self.padding[i]).filter(|&at| at < extent)
                };
                let (row, column) = (place(y, ky, 0, input.height), place(x, kx, 1, input.length));
                places.push(row.zip(column).map(|(r, c)| r * input.length + c));
            }
        }
        places
    }
}

/// A convolution of one row, and its shape.
pub fn convolve(row: &[f64], input: TensorShape, params: &[Vec<f64>], layer: &LayerSpec) -> (Vec<f64>, TensorShape) {
    let (LayerSpec::Conv1d { channels, activation, .. } | LayerSpec::Conv2d { channels, activation, .. }) = layer
    else {
        unreachable!("{layer:?}")
    };
    let windows = Windows::of(layer, input);
    let [height, length] = windows.outputs(input);
    let mut out = vec![];
    for at in 0..height * length {
        let places = windows.places(input, at / length, at % length);
        for o in 0..*channels {
            let mut sum = params[1][o];
            for (tap, place) in places.iter().enumerate() {
                for i in 0..input.channels {
                    let x = place.map_or(0.0, |p| row[p * input.channels + i]);
                    sum += x * params[0][(tap * input.channels + i) * channels + o];
                }
            }
            out.push(activate(*activation, sum));
        }
    }
    (out, TensorShape::image(height, length, *channels))
}

/// A pooling of one row, and its shape.
pub fn pool(row: &[f64], input: TensorShape, layer: &LayerSpec) -> (Vec<f64>, TensorShape) {
    let windows = Windows::of(layer, input);
    let [height, length] = windows.outputs(input);
    let fold = match layer {
        LayerSpec::MaxPool { .. } | LayerSpec::GlobalMaxPool => super::largest,
        _ => super::mean,
    };
    let mut out = vec![];
    for at in 0..height * length {
        let places = windows.places(input, at / length, at % length);
        for c in 0..input.channels {
            let seen: Vec<f64> = places.iter().flatten().map(|p| row[p * input.channels + c]).collect();
            out.push(fold(&seen));
        }
    }
    (out, TensorShape::image(height, length, input.channels))
}
