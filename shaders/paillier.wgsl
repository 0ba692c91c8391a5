// Products modulo n^2 in Montgomery's form, a workgroup a number; `src/paillier/gpu.rs` has the shapes.
//
// A number is LIMBS limbs of 16 bits, each in a word of 32, so that no wider integers are needed: a product of limbs fits
// a word, and sums of its lower and its upper halves stay below 2^16 LIMBS. LIMBS and PARTS are put in as literals.
//
// Constant-time: loops and addresses follow from LIMBS, the place in the workgroup and the parameters alone; entries of
// tables are taken by masks from all of them.

struct Params {
    // Numbers in x.
    count: u32,
    // 0: y is x itself. 1: a number of y for each of x. 2: one number of y for all.
    partner: u32,
    // The first number of y.
    first: u32,
    // Entries of a table, and the word of each number's digit in `digits`.
    entries: u32,
    digit: u32,
    digits: u32,
}

var<immediate> p: Params;

const THREADS: u32 = 64u;

// The modulus, then -1 / modulus modulo R = 2^(16 LIMBS).
@group(0) @binding(0) var<storage, read> modulus: array<u32>;
@group(0) @binding(1) var<storage, read> y: array<u32>;
@group(0) @binding(2) var<storage, read_write> x: array<u32>;

var<workgroup> a: array<u32, LIMBS>;
var<workgroup> b: array<u32, LIMBS>;
// Columns of a product: sums of lower halves, and of upper halves, which belong one column higher.
var<workgroup> low: array<u32, COLUMNS>;
var<workgroup> high: array<u32, COLUMNS>;

// Columns [from, to) of a * b, added to what is there if `keep`.
fn columns_of_pair(thread: u32, to: u32) {
    for (var k = thread; k < to; k += THREADS) {
        let first = select(0u, k + 1u - LIMBS, k + 1u > LIMBS);
        let last = min(k, LIMBS - 1u);
        var lower = 0u;
        var upper = 0u;
        for (var i = first; i <= last; i++) {
            let product = a[i] * b[k - i];
            lower += product & 0xffffu;
            upper += product >> 16u;
        }
        low[k] = lower;
        high[k] = upper;
    }
}

// The same for a times a number of `modulus`, in its place b.
fn add_columns(thread: u32) {
    for (var k = thread; k < COLUMNS; k += THREADS) {
        let first = select(0u, k + 1u - LIMBS, k + 1u > LIMBS);
        let last = min(k, LIMBS - 1u);
        var lower = 0u;
        var upper = 0u;
        for (var i = first; i <= last; i++) {
            let product = a[i] * modulus[k - i];
            lower += product & 0xffffu;
            upper += product >> 16u;
        }
        low[k] += lower;
        high[k] += upper;
    }
}

// Takes the carries of the first `to` columns: `low` holds limbs afterwards, `high` zeros.
fn carry(thread: u32, to: u32) {
    if thread == 0u {
        var over = 0u;
        var before = 0u;
        for (var k = 0u; k < to; k++) {
            let sum = low[k] + before + over;
            before = high[k];
            low[k] = sum & 0xffffu;
            high[k] = 0u;
            over = sum >> 16u;
        }
        // What goes beyond belongs to the next column, if there is one.
        if to < COLUMNS {
            low[to] += before + over;
        }
    }
}

@compute @workgroup_size(64)
fn multiply(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let number = group.x;
    if number >= p.count {
        return;
    }
    let at = number * LIMBS;
    let partner = (p.first + select(0u, number, p.partner == 1u)) * LIMBS;
    for (var i = thread; i < LIMBS; i += THREADS) {
        a[i] = x[at + i];
        if p.partner == 0u {
            b[i] = x[at + i];
        } else {
            b[i] = y[partner + i];
        }
    }
    workgroupBarrier();
    columns_of_pair(thread, COLUMNS);
    workgroupBarrier();
    carry(thread, COLUMNS);
    workgroupBarrier();
    // q = x y (-1 / modulus) modulo R: the lower half of a product.
    for (var i = thread; i < LIMBS; i += THREADS) {
        a[i] = low[i];
        b[i] = modulus[LIMBS + i];
    }
    workgroupBarrier();
    // The lower half of `low` is needed again: it is in a. The upper half stays where it is.
    columns_of_pair(thread, LIMBS);
    workgroupBarrier();
    if thread == 0u {
        var over = 0u;
        var before = 0u;
        for (var k = 0u; k < LIMBS; k++) {
            let sum = low[k] + before + over;
            before = high[k];
            low[k] = a[k];
            a[k] = sum & 0xffffu;
            high[k] = 0u;
            over = sum >> 16u;
        }
    }
    workgroupBarrier();
    // x y + q modulus: its lower half is zero, its upper half the result.
    add_columns(thread);
    workgroupBarrier();
    carry(thread, COLUMNS);
    workgroupBarrier();
    for (var i = thread; i < LIMBS; i += THREADS) {
        x[at + i] = low[LIMBS + i];
    }
}

// y is a table, entry after entry, each of all numbers: x = the entry of each number's digit, by reading all of them.
// Digits stand in `modulus`'s place.
@compute @workgroup_size(64)
fn pick(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let number = group.x;
    if number >= p.count {
        return;
    }
    let digit = modulus[p.digit * p.digits + number];
    for (var i = thread; i < LIMBS; i += THREADS) {
        var found = 0u;
        for (var entry = 0u; entry < p.entries; entry++) {
            // All ones where they are equal: digits are below 2^31.
            let differ = entry ^ digit;
            let mask = ((differ - 1u) & ~differ) >> 31u;
            found |= y[(entry * p.count + number) * LIMBS + i] & (0u - mask);
        }
        x[number * LIMBS + i] = found;
    }
}
