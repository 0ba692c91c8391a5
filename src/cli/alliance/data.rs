//! A party's rows from a CSV file of numbers.

use std::path::Path;

use crate::alliance::local::{LocalData, LocalTargets};
use crate::backend::Backend;
use crate::model::{Loss, Model};

/// Rows that fit a model.
#[derive(Debug, PartialEq)]
pub(super) struct Rows {
    pub count: usize,
    inputs: Vec<f32>,
    targets: LocalTargets,
}

impl Rows {
    pub(super) fn into_local<'a>(
        self,
        place: usize,
        backend: &'a Backend,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> LocalData<'a> {
        LocalData { inputs: self.inputs, targets: self.targets, place, backend, stop }
    }
}

/// Reads a file whose columns are the model's inputs, in order, and its targets.
///
/// # Errors
/// The first line that is not as it should be, or columns that do not fit the model.
pub(super) fn read(path: &Path, targets: &[String], model: &Model, loss: Loss) -> Result<Rows, String> {
    let wrong = |reason: String| format!("{}: {reason}", path.display());
    let mut reader = csv::Reader::from_path(path).map_err(|e| wrong(e.to_string()))?;
    let header = reader.headers().map_err(|e| wrong(e.to_string()))?.clone();
    let place = |name: &String| {
        header.iter().position(|column| column == name).ok_or_else(|| wrong(format!("no column is called `{name}`")))
    };
    let target_places = targets.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    let classes = loss.takes_labels();
    let (outputs, inputs) = (if classes { 1 } else { model.output().len() }, model.input().len());
    if target_places.len() != outputs || header.len() != inputs + outputs {
        return Err(wrong(format!(
            "the model has {inputs} inputs and {outputs} columns of targets, the file has {} other columns, and {} are named as targets",
            header.len() - target_places.len().min(header.len()),
            target_places.len()
        )));
    }
    let mut rows = Rows { count: 0, inputs: vec![], targets: LocalTargets::Values(vec![]) };
    let (mut values, mut labels) = (vec![], vec![]);
    for record in reader.records() {
        let record = record.map_err(|e| wrong(e.to_string()))?;
        rows.count += 1;
        let at = |column: usize| {
            let text = record.get(column).unwrap_or_default().trim();
            let number = text.parse::<f32>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| wrong(format!("row {}, column `{}`: expected a number", rows.count, &header[column])))
        };
        for column in (0..header.len()).filter(|column| !target_places.contains(column)) {
            rows.inputs.push(at(column)?);
        }
        for column in &target_places {
            values.push(at(*column)?);
        }
        if classes {
            let class = values.drain(..).next_back().unwrap_or(-1.0);
            if class < 0.0 || class.fract() != 0.0 || class >= model.output().len() as f32 {
                let most = model.output().len() - 1;
                return Err(wrong(format!("row {}: expected a class from 0 to {most}, got {class}", rows.count)));
            }
            labels.push(class as u32);
        }
    }
    if rows.count == 0 {
        return Err(wrong("there are no rows".to_owned()));
    }
    rows.targets = if classes { LocalTargets::Labels(labels) } else { LocalTargets::Values(values) };
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::{LocalTargets, read};
    use crate::model::{Loss, Model};

    fn model() -> Model {
        let spec = r#"{"input": {"length": 1, "channels": 2}, "layers": [{"kind": "dense", "units": 2}]}"#;
        Model::new(serde_json::from_str(spec).expect("a spec")).expect("a model")
    }

    fn read_text(text: &str, targets: &[&str], loss: Loss) -> Result<(usize, Vec<f32>, LocalTargets), String> {
        let file = tempfile::NamedTempFile::with_suffix(".csv").expect("a file");
        std::io::Write::write_all(&mut file.as_file(), text.as_bytes()).expect("bytes");
        let targets: Vec<String> = targets.iter().map(|&name| name.to_owned()).collect();
        let rows = read(file.path(), &targets, &model(), loss);
        rows.map(|rows| (rows.count, rows.inputs, rows.targets)).map_err(|e| e[e.find(": ").unwrap_or(0)..].to_owned())
    }

    #[test]
    fn a1_rows_are_inputs_and_targets_by_name() {
        let found = read_text("a,y,b,z\n1,2,3,4\n5,6,7,-8e-1\n", &["z", "y"], Loss::MeanSquare);
        assert_eq!(found, Ok((2, vec![1.0, 3.0, 5.0, 7.0], LocalTargets::Values(vec![4.0, 2.0, -0.8, 6.0]))));
        let found = read_text("a,b,class\n1,2,0\n3,4,1\n", &["class"], Loss::CrossEntropy);
        assert_eq!(found, Ok((2, vec![1.0, 2.0, 3.0, 4.0], LocalTargets::Labels(vec![0, 1]))));
    }

    #[test]
    fn a1_rows_that_do_not_fit_are_refused_with_their_place() {
        let refused = |text: &str, targets: &[&str], loss| read_text(text, targets, loss).expect_err("refused");
        assert_eq!(refused("a,b,y\n", &["x"], Loss::CrossEntropy), ": no column is called `x`");
        assert_eq!(refused("a,b,y\n", &["y"], Loss::CrossEntropy), ": there are no rows");
        assert_eq!(refused("a,b,y\n1,x,0\n", &["y"], Loss::CrossEntropy), ": row 1, column `b`: expected a number");
        assert_eq!(
            refused("a,b,y\n1,2,0\n1,inf,0\n", &["y"], Loss::CrossEntropy),
            ": row 2, column `b`: expected a number"
        );
        for class in ["2", "-1", "0.5"] {
            let error = refused(&format!("a,b,y\n1,2,{class}\n"), &["y"], Loss::CrossEntropy);
            assert_eq!(error, format!(": row 1: expected a class from 0 to 1, got {class}"));
        }
        let expected = ": the model has 2 inputs and 2 columns of targets, the file has 2 other columns, and 1 are named as targets";
        assert_eq!(refused("a,b,y\n1,2,3\n", &["y"], Loss::MeanSquare), expected);
    }
}
