package dispatch

import (
	"cmp"
	"slices"
	"time"

	"github.com/godwit-sms/smpp/center/message"
)

// A wheel keeps deadlines. Adding and removing one takes constant time however
// many there are, as they lie in buckets: of 100 ms for what is near, the
// resolution of SMPP, and of more for what is far, which is looked at again when
// its bucket comes up. So even deadlines days ahead need few buckets.
//
// What comes up together is gone through a little at a time, so that whoever has
// the wheel locked can let others in between.
type wheel struct {
	book    *book
	slots   map[int64]ref // buckets by their time
	buckets slab[bucket]
	heap    []int64 // times of the buckets, earliest first

	rising ref // the bucket that has come up and is looked through; 0: none
	passed ref // a bucket of those of it that have passed; 0: none
	sorted bool
	order  []deadline // what passed has, or had
	fired  int        // of order
}

type bucket struct{ head nodeRef }

// A node is a deadline of an entry or a queue.
type node struct {
	at         int64 // nanoseconds since 1970
	bucket     ref   // 0: it is not armed
	prev, next nodeRef
	self       nodeRef
}

// A nodeRef is the place of an entry or a queue whose node it is; zero is none.
type nodeRef uint32

func nodeOfEntry(r ref) nodeRef { return nodeRef(r << 1) }
func nodeOfQueue(r ref) nodeRef { return nodeRef(r<<1 | 1) }

func (n nodeRef) ofQueue() bool { return n&1 != 0 }

func (b *book) node(n nodeRef) *node {
	if n.ofQueue() {
		return &b.queues.at(ref(n >> 1)).pause
	}
	return &b.entries.at(ref(n >> 1)).deadline
}

// A deadline is a node that has passed.
type deadline struct {
	at   int64
	id   message.ID // of the entry
	node nodeRef
}

// compare puts deadlines in order: by their time, then by what they are of, a
// message before the pause of its queue.
func (x deadline) compare(y deadline) int {
	if c := cmp.Compare(x.at, y.at); c != 0 {
		return c
	}
	if xq, yq := x.node.ofQueue(), y.node.ofQueue(); xq != yq {
		if yq {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(x.id, y.id), cmp.Compare(x.node, y.node))
}

func (n *node) armed() bool { return n.bucket != 0 }

const (
	fine   = int64(100 * time.Millisecond)
	medium = int64(10 * time.Second)
	coarse = int64(5 * time.Minute)
)

func (w *wheel) add(n *node, at, now int64) {
	w.remove(n)
	n.at = at
	slot := (at + fine - 1) / fine * fine
	switch left := at - now; {
	case left > int64(time.Hour):
		slot = at / coarse * coarse
	case left > int64(time.Minute):
		slot = at / medium * medium
	}
	b := w.slots[slot]
	if b == 0 {
		if w.slots == nil {
			w.slots = make(map[int64]ref)
		}
		b, _ = w.buckets.take()
		w.slots[slot] = b
		w.push(slot)
	}
	w.put(n, b)
}

func (w *wheel) put(n *node, into ref) {
	b := w.buckets.at(into)
	n.bucket, n.next = into, b.head
	if b.head != 0 {
		w.book.node(b.head).prev = n.self
	}
	b.head = n.self
}

func (w *wheel) remove(n *node) {
	if n.bucket == 0 {
		return
	}
	if n.prev != 0 {
		w.book.node(n.prev).next = n.next
	} else {
		w.buckets.at(n.bucket).head = n.next
	}
	if n.next != 0 {
		w.book.node(n.next).prev = n.prev
	}
	n.bucket, n.prev, n.next = 0, 0, 0
}

// next returns when the wheel is to be looked at.
func (w *wheel) next() (at int64, ok bool) {
	if len(w.heap) == 0 {
		return 0, false
	}
	return w.heap[0], true
}

// What is to be done next with what has come up.
type step uint8

const (
	stepDone step = iota // nothing
	stepMore             // to call step again
	stepSort             // to call sort, without a lock, and then step
)

// step goes on with what has come up, for at most n deadlines. It calls fn with
// every one that has passed, which is not armed any more; those of a bucket
// earliest first.
func (w *wheel) step(now int64, n int, fn func(nodeRef)) step {
	if w.rising == 0 && w.passed == 0 {
		if len(w.heap) == 0 || w.heap[0] > now {
			return stepDone
		}
		w.rising = w.slots[w.heap[0]]
		delete(w.slots, w.heap[0])
		w.pop()
		w.passed, _ = w.buckets.take()
		w.order, w.sorted, w.fired = w.order[:0], false, 0
	}
	if w.rising != 0 {
		for b := w.buckets.at(w.rising); b.head != 0; n-- {
			if n == 0 {
				return stepMore
			}
			x := w.book.node(b.head)
			w.remove(x)
			if x.at > now {
				w.add(x, x.at, now)
				continue
			}
			w.put(x, w.passed)
			d := deadline{at: x.at, node: x.self}
			if !x.self.ofQueue() {
				d.id = w.book.entries.at(ref(x.self >> 1)).id
			}
			w.order = append(w.order, d)
		}
		w.buckets.put(w.rising)
		w.rising = 0
	}
	if !w.sorted {
		if len(w.order) > n {
			return stepSort
		}
		w.sort()
	}
	for ; w.fired < len(w.order); w.fired++ {
		if n == 0 {
			return stepMore
		}
		n--
		d := w.order[w.fired]
		if w.buckets.at(w.passed).head == 0 {
			w.fired = len(w.order)
			break
		}
		// Else it is gone, perhaps with another in its place, or has been set anew.
		if x := w.find(d.node); x != nil && x.bucket == w.passed && x.at == d.at {
			w.remove(x)
			fn(d.node)
		}
	}
	w.buckets.put(w.passed)
	w.passed = 0
	if cap(w.order) > maxKept {
		w.order = nil
	}
	return stepMore
}

// maxKept is how many deadlines there is memory for all the time.
const maxKept = 10_000

// sort puts what has passed in order. Nothing else reads or writes that.
func (w *wheel) sort() {
	slices.SortFunc(w.order, deadline.compare)
	w.sorted = true
}

// find returns a node, or nil when nothing is in its place any more.
func (w *wheel) find(n nodeRef) *node {
	if n.ofQueue() {
		if q := w.book.queues.find(ref(n >> 1)); q != nil {
			return &q.pause
		}
	} else if e := w.book.entries.find(ref(n >> 1)); e != nil {
		return &e.deadline
	}
	return nil
}

func (w *wheel) push(at int64) {
	w.heap = append(w.heap, at)
	for i := len(w.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if w.heap[parent] <= w.heap[i] {
			return
		}
		w.heap[parent], w.heap[i] = w.heap[i], w.heap[parent]
		i = parent
	}
}

func (w *wheel) pop() {
	last := len(w.heap) - 1
	w.heap[0] = w.heap[last]
	w.heap = w.heap[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return
		}
		if child+1 < last && w.heap[child+1] < w.heap[child] {
			child++
		}
		if w.heap[i] <= w.heap[child] {
			return
		}
		w.heap[i], w.heap[child] = w.heap[child], w.heap[i]
		i = child
	}
}
