//! Named tensors as `safetensors`, with texts (a model's spec, its fitted preparation) beside them.
//!
//! The header of a safetensors file may hold texts, but as a map without an order. To get the same bytes every time, all
//! texts are put, sorted by name, into one JSON object under the single key [`METADATA_KEY`].

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensorError, SafeTensors, View};

use super::{ArtifactError, write_bytes};

/// The key of the header under which the texts stand.
pub const METADATA_KEY: &str = "nightloom";

/// A tensor's values, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorData {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// Unsigned 32-bit integers.
    U32(Vec<u32>),
}

impl TensorData {
    fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::U32(v) => v.len(),
        }
    }

    /// The name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::U32(_) => "u32",
        }
    }

    fn little_endian(&self) -> Vec<u8> {
        match self {
            Self::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Self::U32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

/// A tensor: a shape and as many values.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: TensorData,
}

impl Tensor {
    /// A tensor of this shape.
    ///
    /// # Errors
    /// [`ArtifactError::Content`] when the values are not as many as the shape has places.
    pub fn new(shape: &[usize], data: TensorData) -> Result<Self, ArtifactError> {
        let places = shape.iter().try_fold(1_usize, |product, side| product.checked_mul(*side));
        if places != Some(data.len()) {
            let reason = format!("expected as many values as the shape has places, found {}", data.len());
            return Err(ArtifactError::content(format!("tensor of shape {shape:?}"), reason));
        }
        Ok(Self { shape: shape.to_vec(), data })
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values.
    pub fn data(&self) -> &TensorData {
        &self.data
    }
}

/// What one file holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TensorFile {
    /// Where it was read from; empty for one that was made here.
    path: PathBuf,
    tensors: BTreeMap<String, Tensor>,
    metadata: BTreeMap<String, String>,
}

impl TensorFile {
    /// An empty file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor.
    ///
    /// # Errors
    /// [`ArtifactError::Content`] when the values do not fill the shape, or the name is taken or not allowed.
    pub fn insert(&mut self, name: &str, shape: &[usize], data: TensorData) -> Result<(), ArtifactError> {
        if name.is_empty() || name == "__metadata__" || self.tensors.contains_key(name) {
            let reason = "expected a name of its own, found an empty, reserved or repeated one";
            return Err(ArtifactError::content(format!("tensor `{name}`"), reason));
        }
        self.tensors.insert(name.to_owned(), Tensor::new(shape, data)?);
        Ok(())
    }

    /// Adds a text, or replaces it.
    pub fn set_text(&mut self, key: &str, text: impl Into<String>) {
        self.metadata.insert(key.to_owned(), text.into());
    }

    /// The texts, by name.
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// One text.
    ///
    /// # Errors
    /// [`ArtifactError::Format`] when the file has no such text.
    pub fn text(&self, key: &str) -> Result<&str, ArtifactError> {
        self.metadata.get(key).map(String::as_str).ok_or_else(|| {
            ArtifactError::format(&self.path, format!("expected the text `{key}` in the header, found none"))
        })
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// One tensor.
    ///
    /// # Errors
    /// [`ArtifactError::Format`] when the file has no such tensor.
    pub fn tensor(&self, name: &str) -> Result<&Tensor, ArtifactError> {
        self.tensors
            .get(name)
            .ok_or_else(|| ArtifactError::format(&self.path, format!("expected a tensor `{name}`, found none")))
    }

    /// The values of an f32 tensor of this shape.
    ///
    /// # Errors
    /// [`ArtifactError::Format`] when it is not there or has another type or shape.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<&[f32], ArtifactError> {
        match self.shaped(name, shape)? {
            TensorData::F32(values) => Ok(values),
            other => Err(self.wrong_type(name, "f32", other)),
        }
    }

    /// The values of an f64 tensor of this shape.
    ///
    /// # Errors
    /// As [`TensorFile::f32`].
    pub fn f64(&self, name: &str, shape: &[usize]) -> Result<&[f64], ArtifactError> {
        match self.shaped(name, shape)? {
            TensorData::F64(values) => Ok(values),
            other => Err(self.wrong_type(name, "f64", other)),
        }
    }

    /// The values of a u32 tensor of this shape.
    ///
    /// # Errors
    /// As [`TensorFile::f32`].
    pub fn u32(&self, name: &str, shape: &[usize]) -> Result<&[u32], ArtifactError> {
        match self.shaped(name, shape)? {
            TensorData::U32(values) => Ok(values),
            other => Err(self.wrong_type(name, "u32", other)),
        }
    }

    /// Makes sure that the file holds these tensors and no others.
    ///
    /// # Errors
    /// [`ArtifactError::Format`] with the names that are missing and those that are too many.
    pub fn expect_names(&self, expected: &[&str]) -> Result<(), ArtifactError> {
        let missing: Vec<&str> = expected.iter().copied().filter(|name| !self.tensors.contains_key(*name)).collect();
        let others: Vec<&str> = self.names().filter(|name| !expected.contains(name)).collect();
        if missing.is_empty() && others.is_empty() {
            return Ok(());
        }
        let reason = format!("expected other tensors: missing {missing:?}, not expected {others:?}");
        Err(ArtifactError::format(&self.path, reason))
    }

    fn shaped(&self, name: &str, shape: &[usize]) -> Result<&TensorData, ArtifactError> {
        let tensor = self.tensor(name)?;
        if tensor.shape != shape {
            let reason = format!("tensor `{name}`: expected shape {shape:?}, found {:?}", tensor.shape);
            return Err(ArtifactError::format(&self.path, reason));
        }
        Ok(&tensor.data)
    }

    fn wrong_type(&self, name: &str, expected: &str, found: &TensorData) -> ArtifactError {
        let reason = format!("tensor `{name}`: expected type {expected}, found {}", found.type_name());
        ArtifactError::format(&self.path, reason)
    }

    /// The file's bytes: the same for the same content.
    ///
    /// # Errors
    /// [`ArtifactError::Content`] if the encoder refuses the content.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArtifactError> {
        let refuse = |reason: String| ArtifactError::content("safetensors header", reason);
        let header = if self.metadata.is_empty() {
            None
        } else {
            let texts = serde_json::to_string(&self.metadata).map_err(|e| refuse(e.to_string()))?;
            Some(HashMap::from([(METADATA_KEY.to_owned(), texts)]))
        };
        safetensors::serialize(&self.tensors, header).map_err(|e| refuse(e.to_string()))
    }

    /// Writes the file atomically.
    ///
    /// # Errors
    /// Any I/O error, and as [`TensorFile::to_bytes`].
    pub fn save(&self, path: &Path) -> Result<(), ArtifactError> {
        write_bytes(path, &self.to_bytes()?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Any I/O error, and [`ArtifactError::Format`] for a file that is cut off, is no safetensors file, or holds tensors of
    /// a type other than f32, f64 and u32.
    pub fn load(path: &Path) -> Result<Self, ArtifactError> {
        let bytes = std::fs::read(path).map_err(|e| ArtifactError::io("read", path, e))?;
        Self::from_bytes(&bytes, path)
    }

    /// Reads a file's bytes; `path` is for errors.
    ///
    /// # Errors
    /// As [`TensorFile::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ArtifactError> {
        let refuse = |e: SafeTensorError| ArtifactError::format(path, explain(&e, bytes.len()));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(refuse)?;
        let parsed = SafeTensors::deserialize(bytes).map_err(refuse)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in parsed.iter() {
            let data = decode(view.dtype(), view.data()).ok_or_else(|| {
                let reason = format!("tensor `{name}`: expected type f32, f64 or u32, found {:?}", view.dtype());
                ArtifactError::format(path, reason)
            })?;
            tensors.insert(name.to_owned(), Tensor { shape: view.shape().to_vec(), data });
        }
        let metadata = match header.metadata().as_ref().and_then(|m| m.get(METADATA_KEY)) {
            None => BTreeMap::new(),
            Some(texts) => serde_json::from_str(texts).map_err(|e| {
                ArtifactError::format(path, format!("expected a JSON object of texts under `{METADATA_KEY}`: {e}"))
            })?,
        };
        Ok(Self { path: path.to_owned(), tensors, metadata })
    }
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        match self.data {
            TensorData::F32(_) => Dtype::F32,
            TensorData::F64(_) => Dtype::F64,
            TensorData::U32(_) => Dtype::U32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.data.little_endian())
    }

    fn data_len(&self) -> usize {
        let width = if matches!(self.data, TensorData::F64(_)) { 8 } else { 4 };
        width * self.data.len()
    }
}

fn decode(dtype: Dtype, bytes: &[u8]) -> Option<TensorData> {
    let (words, _) = bytes.as_chunks::<4>();
    let (double_words, _) = bytes.as_chunks::<8>();
    Some(match dtype {
        Dtype::F32 => TensorData::F32(words.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::U32 => TensorData::U32(words.iter().map(|b| u32::from_le_bytes(*b)).collect()),
        Dtype::F64 => TensorData::F64(double_words.iter().map(|b| f64::from_le_bytes(*b)).collect()),
        _ => return None,
    })
}

/// The library's errors in words that say what happened to the file.
fn explain(error: &SafeTensorError, bytes: usize) -> String {
    match error {
        SafeTensorError::MetadataIncompleteBuffer => {
            format!("the file is cut off or has bytes too many: {bytes} bytes are not what its header says")
        }
        SafeTensorError::HeaderTooSmall | SafeTensorError::InvalidHeaderLength => {
            format!("not a safetensors file, or cut off inside its header ({bytes} bytes)")
        }
        SafeTensorError::HeaderTooLarge | SafeTensorError::InvalidHeader(_) => "not a safetensors file".to_owned(),
        SafeTensorError::InvalidHeaderDeserialization(e) => format!("not a safetensors file: {e}"),
        other => format!("damaged safetensors file: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> TensorFile {
        let mut file = TensorFile::new();
        file.insert("w", &[2, 3], TensorData::F32(vec![1.0, -0.0, f32::MIN_POSITIVE, 4.5, f32::MAX, 0.1])).unwrap();
        file.insert("a.steps", &[2], TensorData::U32(vec![7, u32::MAX])).unwrap();
        file.insert("scale", &[], TensorData::F64(vec![0.1])).unwrap();
        file.insert("none", &[0, 4], TensorData::F32(vec![])).unwrap();
        for key in ["spec", "prep", "version", "another", "产品"] {
            file.set_text(key, format!("{{\"of\":\"{key}\"}}"));
        }
        file
    }

    #[test]
    fn e14_tensors_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        sample().save(&path).unwrap();
        let loaded = TensorFile::load(&path).unwrap();
        assert_eq!(loaded.tensors, sample().tensors);
        assert_eq!(loaded.texts(), sample().texts());
        assert_eq!(loaded.f32("w", &[2, 3]).unwrap()[1].to_bits(), (-0.0_f32).to_bits());
        assert_eq!(loaded.u32("a.steps", &[2]).unwrap(), [7, u32::MAX]);
        assert_eq!(loaded.f64("scale", &[]).unwrap(), [0.1]);
        loaded.expect_names(&["scale", "w", "a.steps", "none"]).unwrap();
    }

    #[test]
    fn e14_tensor_bytes_do_not_depend_on_order_or_run() {
        let forward = sample().to_bytes().unwrap();
        let mut backward = TensorFile::new();
        for key in ["产品", "another", "version", "prep", "spec"] {
            backward.set_text(key, sample().text(key).unwrap());
        }
        for name in ["w", "scale", "none", "a.steps"] {
            let tensor = sample().tensors[name].clone();
            backward.insert(name, tensor.shape(), tensor.data().clone()).unwrap();
        }
        assert_eq!(forward, backward.to_bytes().unwrap());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "test input")]
    fn e14_damaged_tensor_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let bytes = sample().to_bytes().unwrap();
        for cut in [0, 5, 8, 40, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let error = TensorFile::load(&path).unwrap_err();
            assert!(matches!(error, ArtifactError::Format { .. }), "cut at {cut}: {error}");
            assert!(error.to_string().contains("m.safetensors") && error.to_string().contains("cut off"), "{error}");
        }
        std::fs::write(&path, "product,week\n1,2\nand so on").unwrap();
        assert!(TensorFile::load(&path).unwrap_err().to_string().contains("not a safetensors file"));
        let error = TensorFile::load(&folder.path().join("absent")).unwrap_err();
        assert!(matches!(error, ArtifactError::Io { action: "read", .. }));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "test input")]
    fn e14_wrong_names_shapes_and_types_are_told() {
        let file = sample();
        let told = |e: ArtifactError| e.to_string();
        assert!(told(file.f32("w", &[3, 2]).unwrap_err()).contains("expected shape [3, 2], found [2, 3]"));
        assert!(told(file.f32("scale", &[]).unwrap_err()).contains("expected type f32, found f64"));
        assert!(told(file.u32("b", &[2]).unwrap_err()).contains("expected a tensor `b`"));
        assert!(told(file.text("absent").unwrap_err()).contains("`absent`"));
        let names = told(file.expect_names(&["w", "b"]).unwrap_err());
        assert!(names.contains("missing [\"b\"]") && names.contains("scale"), "{names}");
        let mut other = TensorFile::new();
        assert!(other.insert("w", &[2, 2], TensorData::U32(vec![1])).is_err());
        assert!(other.insert("w", &[usize::MAX, 2], TensorData::U32(vec![1])).is_err());
        other.insert("w", &[1], TensorData::U32(vec![1])).unwrap();
        assert!(other.insert("w", &[1], TensorData::U32(vec![1])).is_err());

        let half = safetensors::tensor::TensorView::new(Dtype::F16, vec![1], &[0, 0]).unwrap();
        let bytes = safetensors::serialize([("h", half)], None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        std::fs::write(&path, bytes).unwrap();
        assert!(told(TensorFile::load(&path).unwrap_err()).contains("tensor `h`: expected type f32, f64 or u32"));
    }
}
