//! What changed in a partition.

use arrow_array::RecordBatch;

use super::value::{Value, value_at};

/// A field that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedCell {
    /// The row of [`Changed::old`] and [`Changed::new`].
    pub row: u32,
    /// The column.
    pub column: u16,
}

/// Rows that are in both states with unlike fields.
#[derive(Debug, Clone)]
pub struct Changed {
    /// As they were.
    pub old: RecordBatch,
    /// As they are; row by row the same ids.
    pub new: RecordBatch,
    /// Which fields changed, by row and column.
    pub cells: Vec<ChangedCell>,
}

impl Changed {
    pub(super) fn of(old: RecordBatch, new: RecordBatch) -> Self {
        let mut cells = Vec::new();
        for (column, (before, after)) in old.columns().iter().zip(new.columns()).enumerate() {
            let differs = |row: &usize| value_at(before, *row) != value_at(after, *row);
            let rows = (0..new.num_rows()).filter(differs);
            cells.extend(rows.map(|row| ChangedCell { row: row as u32, column: column as u16 }));
        }
        cells.sort_unstable_by_key(|cell| (cell.row, cell.column));
        Self { old, new, cells }
    }
}

/// What changed in a partition; its rows have all columns.
#[derive(Debug, Clone)]
pub struct PartitionChanges {
    /// The partition's name.
    pub partition: String,
    /// Rows whose ids are new.
    pub added: RecordBatch,
    /// Rows whose ids are gone, as they were.
    pub removed: RecordBatch,
    /// Rows with other fields.
    pub changed: Changed,
    pub(super) id: usize,
}

/// One field of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FieldChange<'a> {
    /// The row's id.
    pub id: Value<'a>,
    /// The column's name.
    pub column: &'a str,
    /// As it was.
    pub old: Value<'a>,
    /// As it is.
    pub new: Value<'a>,
}

impl PartitionChanges {
    /// The fields of changed rows, row by row.
    pub fn fields(&self) -> impl Iterator<Item = FieldChange<'_>> {
        let Changed { old, new, cells } = &self.changed;
        let schema = new.schema_ref();
        cells.iter().map(move |cell| {
            let (row, column) = (cell.row as usize, usize::from(cell.column));
            FieldChange {
                id: value_at(new.column(self.id), row),
                column: schema.field(column).name(),
                old: value_at(old.column(column), row),
                new: value_at(new.column(column), row),
            }
        })
    }

    /// The ids of these rows, which are some of this partition's.
    pub fn ids<'a>(&self, rows: &'a RecordBatch) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let ids = rows.column(self.id);
        (0..rows.num_rows()).map(move |row| value_at(ids, row))
    }
}
