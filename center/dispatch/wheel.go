package dispatch

import (
	"cmp"
	"slices"
	"time"
)

// A wheel keeps deadlines. Adding and removing one takes constant time however
// many there are, as they lie in buckets: of 100 ms for what is near, the
// resolution of SMPP, and of more for what is far, which is looked at again when
// its bucket comes up. So even deadlines days ahead need few buckets.
type wheel struct {
	buckets map[int64]*bucket
	heap    []int64 // times of the buckets, earliest first
}

type bucket struct {
	at   int64
	head *node
}

// A node is a deadline of an entry or a queue.
type node struct {
	at         int64 // nanoseconds since 1970
	bucket     *bucket
	prev, next *node
	entry      *entry // one of these is set
	queue      *queue
}

func (n *node) armed() bool { return n.bucket != nil }

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
	b := w.buckets[slot]
	if b == nil {
		if w.buckets == nil {
			w.buckets = make(map[int64]*bucket)
		}
		b = &bucket{at: slot}
		w.buckets[slot] = b
		w.push(slot)
	}
	n.bucket, n.next = b, b.head
	if b.head != nil {
		b.head.prev = n
	}
	b.head = n
}

func (w *wheel) remove(n *node) {
	if n.bucket == nil {
		return
	}
	if n.prev != nil {
		n.prev.next = n.next
	} else {
		n.bucket.head = n.next
	}
	if n.next != nil {
		n.next.prev = n.prev
	}
	n.bucket, n.prev, n.next = nil, nil, nil
}

// next returns when the wheel is to be looked at.
func (w *wheel) next() (at int64, ok bool) {
	if len(w.heap) == 0 {
		return 0, false
	}
	return w.heap[0], true
}

// fire calls fn with every deadline that has passed, which is not armed any
// more, the earliest first.
func (w *wheel) fire(now int64, fn func(*node)) {
	for len(w.heap) > 0 && w.heap[0] <= now {
		b := w.buckets[w.heap[0]]
		delete(w.buckets, b.at)
		w.pop()
		var passed []*node
		for b.head != nil {
			n := b.head
			w.remove(n)
			if n.at <= now {
				passed = append(passed, n)
			} else {
				w.add(n, n.at, now)
			}
		}
		slices.SortFunc(passed, (*node).compare)
		for _, n := range passed {
			if !n.armed() { // else another one has set it anew
				fn(n)
			}
		}
	}
}

// compare puts deadlines in order: by their time, then by what they are of.
func (n *node) compare(m *node) int {
	if c := cmp.Compare(n.at, m.at); c != 0 {
		return c
	}
	switch {
	case n.entry != nil && m.entry != nil:
		return cmp.Compare(n.entry.id, m.entry.id)
	case n.entry != nil:
		return -1 // a message before the pause of its queue
	case m.entry != nil:
		return 1
	}
	return 0
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
