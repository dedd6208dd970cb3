package pdu

import (
	"math/rand/v2"
	"strings"

	"github.com/godwit-sms/smpp/tlv"
)

// cloner gives every string and slice memory of its own.
type cloner struct{}

func (cloner) uint(_ field, v uint64) uint64      { return v }
func (cloner) str(_ field, v string) string       { return strings.Clone(v) }
func (cloner) octets(_ field, v []byte) []byte    { return append([]byte(nil), v...) }
func (cloner) list(_ field, n int) int            { return n }
func (cloner) element(int)                        {}
func (cloner) endList()                           {}
func (cloner) tlvs(_ *Codec, l tlv.List) tlv.List { return l.Clone() }

// walker notes the fields of a body. Of a list it notes what an element can
// hold, both kinds of a submit_multi destination included.
type walker struct {
	fields []field
	depth  int
	elems  [][]field
	at     int
}

func (w *walker) add(f field) {
	if w.depth == 0 {
		w.fields = append(w.fields, f)
		return
	}
	w.elems[w.at] = append(w.elems[w.at], f)
}

func (w *walker) uint(f field, v uint64) uint64 {
	w.add(f)
	if f.name == "dest_flag" {
		return uint64(w.at) + 1
	}
	return v
}
func (w *walker) str(f field, v string) string    { w.add(f); return v }
func (w *walker) octets(f field, v []byte) []byte { w.add(f); return v }
func (w *walker) list(f field, _ int) int {
	w.add(f)
	w.depth++
	n := 1
	if f.name == "dest_address" {
		n = 2
	}
	w.elems = make([][]field, n)
	return n
}
func (w *walker) element(i int) { w.at = i }
func (w *walker) endList() {
	w.depth--
	w.at = 0
}
func (w *walker) tlvs(_ *Codec, l tlv.List) tlv.List {
	w.add(field{name: "tlvs", kind: kindTLVs})
	return l
}

// walk returns the fields of a body, elements of lists left out.
func walk(b Body) []field {
	w := new(walker)
	visit(b, w)
	return w.fields
}

func visit(b Body, v visitor) *Codec {
	c := &Codec{mode: modeVisit, slow: v, version: V50, header: Header{Command: b.Command()}}
	b.Fields(c)
	return c
}

// isBare reports whether a body has no mandatory fields.
func isBare(b Body) bool {
	f := walk(b)
	return len(f) == 0 || f[0].kind == kindTLVs
}

// A FieldInfo describes a mandatory field of a PDU, as its Fields method has it.
type FieldInfo struct {
	Name     string
	Type     string // uint8, uint16, uint32, cstring, cstring_fixed, octets, repeat or rest
	Max      int    // octets of a string with its NUL, or of octets; elements of a list
	Min      int    // elements of a list
	Sizes    []int  // of cstring_fixed: the octets allowed, NUL included
	Counter  string // name of the field that holds the length or the count
	Status   Status // what answers a bad value
	Elements [][]FieldInfo
}

// Describe returns the mandatory fields of a command in the order of the wire,
// or nil for a command that the registry does not know.
func (r *Registry) Describe(id CommandID) []FieldInfo {
	b, ok := r.New(id)
	if !ok {
		return nil
	}
	w := new(walker)
	visit(b, w)
	out := describe(w.fields)
	for i := range out {
		if out[i].Type == "repeat" {
			for _, e := range w.elems {
				out[i].Elements = append(out[i].Elements, describe(e))
			}
		}
	}
	return out
}

func describe(fields []field) []FieldInfo {
	var out []FieldInfo
	for _, f := range fields {
		info := FieldInfo{Name: f.name, Max: f.max, Min: f.min, Sizes: f.sizes, Counter: f.length, Status: f.status}
		switch f.kind {
		case kindUint:
			info.Type = map[int]string{1: "uint8", 2: "uint16", 4: "uint32"}[f.size]
		case kindCString:
			info.Type = "cstring"
		case kindFixed:
			info.Type = "cstring_fixed"
		case kindOctets:
			info.Type = "octets"
		case kindRest:
			info.Type = "rest"
		case kindList:
			info.Type = "repeat"
		case kindTLVs:
			continue
		}
		if info.Status == 0 {
			info.Status = StatusInvalidCommandLength
		}
		out = append(out, info)
	}
	return out
}

// Fill sets every field of a body to a random value that the field can hold,
// for property tests. The TLVs are ones that the registry knows, of lengths
// that their forms allow, and unknown ones. b should be empty before.
func (r *Registry) Fill(rnd *rand.Rand, b Body) {
	if u, ok := b.(*Unknown); ok {
		u.Raw = randomOctets(rnd, rnd.IntN(64))
		return
	}
	visit(b, &filler{rnd: rnd, reg: r})
	if m, ok := b.(*SubmitMulti); ok {
		for i := range m.Dests { // as decoding has it: never 0
			if m.Dests[i].Flag == 0 {
				m.Dests[i].Flag = DestAddress
			}
		}
	}
}

type filler struct {
	rnd *rand.Rand
	reg *Registry
}

func (f *filler) uint(fd field, _ uint64) uint64 {
	if fd.name == "dest_flag" {
		return 1 + f.rnd.Uint64N(2)
	}
	return f.rnd.Uint64() >> (64 - 8*fd.size)
}

func (f *filler) str(fd field, _ string) string {
	n := f.rnd.IntN(fd.max)
	if fd.kind == kindFixed {
		n = fd.sizes[f.rnd.IntN(len(fd.sizes))] - 1
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + f.rnd.IntN(255))
	}
	return string(b)
}

func (f *filler) octets(fd field, _ []byte) []byte {
	if fd.kind == kindRest {
		return randomOctets(f.rnd, f.rnd.IntN(64))
	}
	return randomOctets(f.rnd, f.rnd.IntN(fd.max+1))
}

func randomOctets(rnd *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

func (f *filler) list(fd field, _ int) int { return fd.min + f.rnd.IntN(min(fd.max-fd.min, 12)+1) }
func (f *filler) element(int)              {}
func (f *filler) endList()                 {}

func (f *filler) tlvs(c *Codec, _ tlv.List) tlv.List {
	var l tlv.List
	defs := f.reg.TLVs()
	for range f.rnd.IntN(6) {
		if f.rnd.IntN(8) == 0 {
			l.Add(tlv.Tag(0x3F00+f.rnd.IntN(0x100)), randomOctets(f.rnd, f.rnd.IntN(40)))
			continue
		}
		l = f.add(l, defs[f.rnd.IntN(len(defs))])
	}
	body, _ := Standard().New(c.header.Command)
	switch body.(type) {
	case *BroadcastSM, *QueryBroadcastSMResp:
		for _, d := range []tlv.Definer{TLVBroadcastAreaIdentifier, TLVBroadcastContentType, TLVBroadcastFrequency,
			TLVBroadcastRepNum, TLVMessageState, TLVBroadcastAreaSuccess} {
			l = f.add(l, d.Definition())
		}
	}
	return l
}

// add appends an option with a random value, or none if the form takes hardly
// any random octets.
func (f *filler) add(l tlv.List, d *tlv.Definition) tlv.List {
	for range 1000 {
		value := randomOctets(f.rnd, d.Min+f.rnd.IntN(min(d.Max-d.Min, 300)+1))
		if d.Check(value) == nil {
			l.Add(d.Tag, value)
			break
		}
	}
	return l
}
