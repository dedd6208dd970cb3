package dispatch

import "iter"

// A ref is the place of something in a slab; zero is none.
//
// What waits is kept in slabs, and refers to each other by ref: so there are no
// pointers in it, and the garbage collector need not look at it, however much
// waits.
type ref uint32

const (
	chunkBits = 9
	chunkSize = 1 << chunkBits
)

// A slab holds values that have no pointers in them, in chunks. Those stay where
// they are, so that a pointer to a value is good until it is put back, and are
// given back when nothing is in them any more. The zero value is ready for use.
type slab[T any] struct {
	chunks []chunk[T]
	open   []uint32 // chunks that may have room, the one to be used next at the end
	gone   []uint32 // chunks that were given back
}

type chunk[T any] struct {
	values *[chunkSize]T      // nil: it was given back
	next   *[chunkSize]uint16 // free places; apart, so that the values fill whole pages
	used   int
	free   uint16 // the first free place; chunkSize: none
	open   bool   // it is in slab.open
}

// take returns the place of a new zero value.
func (s *slab[T]) take() (ref, *T) {
	i := s.room()
	c := &s.chunks[i]
	at := c.free
	c.free = c.next[at]
	c.used++
	return ref(i<<chunkBits | uint32(at)), &c.values[at]
}

// room returns a chunk that has room.
func (s *slab[T]) room() uint32 {
	for len(s.open) > 0 {
		i := s.open[len(s.open)-1]
		c := &s.chunks[i]
		if c.values != nil && c.free < chunkSize {
			return i
		}
		c.open = false
		s.open = s.open[:len(s.open)-1]
	}
	next := new([chunkSize]uint16)
	for at := range next {
		next[at] = uint16(at + 1)
	}
	var i uint32
	if n := len(s.gone); n > 0 {
		i = s.gone[n-1]
		s.gone = s.gone[:n-1]
	} else {
		i = uint32(len(s.chunks))
		s.chunks = append(s.chunks, chunk[T]{})
	}
	c := &s.chunks[i]
	c.values, c.next, c.used, c.free, c.open = new([chunkSize]T), next, 0, 0, true
	if i == 0 { // nothing has the ref 0
		c.free, c.used = 1, 1
	}
	s.open = append(s.open, i)
	return i
}

// at returns the value at a place.
func (s *slab[T]) at(r ref) *T { return &s.chunks[r>>chunkBits].values[r&(chunkSize-1)] }

// put gives a place back.
func (s *slab[T]) put(r ref) {
	i, at := uint32(r>>chunkBits), uint16(r&(chunkSize-1))
	c := &s.chunks[i]
	var zero T
	c.values[at] = zero
	c.next[at] = c.free
	c.free = at
	c.used--
	if !c.open {
		c.open = true
		s.open = append(s.open, i)
	}
	if c.used == 0 && len(s.open) > 1 {
		c.values, c.next = nil, nil
		s.gone = append(s.gone, i)
	}
}

// find returns what is at a place that may have been put back: the zero value
// then, or nil.
func (s *slab[T]) find(r ref) *T {
	if values := s.chunks[r>>chunkBits].values; values != nil {
		return &values[r&(chunkSize-1)]
	}
	return nil
}

// all are the values that there are, in no order. What is taken or put back
// meanwhile may be among them or not.
func (s *slab[T]) all() iter.Seq2[ref, *T] {
	return func(yield func(ref, *T) bool) {
		for i := 0; i < len(s.chunks); i++ {
			for r, v := range s.chunk(i) {
				if !yield(r, v) {
					return
				}
			}
		}
	}
}

// chunk are the values of a chunk.
func (s *slab[T]) chunk(i int) iter.Seq2[ref, *T] {
	return func(yield func(ref, *T) bool) {
		c := s.chunks[i]
		if c.values == nil {
			return
		}
		var free [chunkSize]bool
		for at := c.free; at < chunkSize; at = c.next[at] {
			free[at] = true
		}
		for at := range free {
			if r := ref(i<<chunkBits | at); !free[at] && r != 0 && !yield(r, &c.values[at]) {
				return
			}
		}
	}
}
