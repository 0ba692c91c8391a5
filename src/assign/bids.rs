//! The bids that a manager has accepted.

/// An accepted bid in one word: the price's bits above, which order as prices of at least 0 do, and below the customer's
/// number turned over, so that of equal bids the later customer's is the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Bid(u64);

impl Bid {
    fn new(price: f32, customer: u32) -> Self {
        Self(u64::from(price.to_bits()) << 32 | u64::from(!customer))
    }

    fn price(self) -> f32 {
        f32::from_bits((self.0 >> 32) as u32)
    }

    fn customer(self) -> u32 {
        !(self.0 as u32)
    }
}

/// Up to `capacity` bids with the lowest on top: a binary heap whose top is replaced in one way down.
#[derive(Debug, Clone, Default)]
pub(super) struct Bids {
    heap: Vec<Bid>,
    capacity: usize,
}

impl Bids {
    pub(super) fn new(capacity: u32) -> Self {
        Self { heap: Vec::new(), capacity: capacity as usize }
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// What a place costs: the lowest bid once all places are taken.
    pub(super) fn price(&self) -> f32 {
        if self.heap.len() < self.capacity { 0.0 } else { self.heap.first().map_or(0.0, |bid| bid.price()) }
    }

    /// Takes a bid above the price; gives back who fell out.
    pub(super) fn take(&mut self, price: f32, customer: u32) -> Option<u32> {
        let bid = Bid::new(price, customer);
        if self.heap.len() < self.capacity {
            self.heap.push(bid);
            self.rise();
            return None;
        }
        let out = std::mem::replace(self.heap.first_mut()?, bid);
        self.sink();
        Some(out.customer())
    }

    fn rise(&mut self) {
        let mut at = self.heap.len() - 1;
        while at > 0 && self.heap[at] < self.heap[(at - 1) / 2] {
            self.heap.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn sink(&mut self) {
        let heap = self.heap.as_mut_slice();
        let (mut at, bid) = (0, heap[0]);
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= heap.len() {
                break;
            }
            let lower = left + usize::from(right < heap.len() && heap[right.min(heap.len() - 1)] < heap[left]);
            if bid <= heap[lower] {
                break;
            }
            heap[at] = heap[lower];
            at = lower;
        }
        heap[at] = bid;
    }
}

#[cfg(test)]
mod tests {
    use super::Bids;

    #[test]
    fn r5_a_manager_keeps_the_highest_bids_and_of_equal_ones_the_first_customers() {
        let mut bids = Bids::new(3);
        assert_eq!([(2.0, 7), (1.0, 1), (1.0, 4)].map(|(price, who)| bids.take(price, who)), [None; 3]);
        assert_eq!((bids.price(), bids.len()), (1.0, 3));
        assert_eq!([(1.5, 9), (3.0, 2), (1.75, 3)].map(|(p, who)| bids.take(p, who)), [Some(4), Some(1), Some(9)]);
        assert_eq!(bids.price(), 1.75);
        assert_eq!((Bids::new(0).take(1.0, 1), Bids::new(2).price()), (None, 0.0));
    }
}
