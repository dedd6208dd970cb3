package tlv

import (
	"errors"
	"fmt"
	"iter"
)

// A Definition is what a registry needs to know about a tag: its name, for
// dumps and JSON, and its form, for checks. The methods may be called
// concurrently.
type Definition struct {
	Tag      Tag
	Name     string
	Kind     string // "uint8", "uint16", "uint32", "empty", "cstring", "octets", "digits", or a word of NewForm
	Min, Max int    // octets of the value
	Repeated bool   // several may be in one PDU

	scalar bool
	parses func([]byte) error // decode without what it returns
	decode func([]byte) (any, error)
}

// Check returns an *Error with FaultLength or FaultValue if the octets are not
// a well-formed value.
func (d *Definition) Check(value []byte) error {
	if n := len(value); n < d.Min || n > d.Max {
		return d.lengthError(n)
	}
	if d.scalar {
		return nil
	}
	return d.parses(value)
}

// Decode returns the typed value of the octets.
func (d *Definition) Decode(value []byte) (any, error) {
	if n := len(value); n < d.Min || n > d.Max {
		return nil, d.lengthError(n)
	}
	return d.decode(value)
}

func (d *Definition) lengthError(n int) error {
	rule := fmt.Sprintf("the value has %d to %d octets", d.Min, d.Max)
	if d.Min == d.Max {
		rule = fmt.Sprintf("the value has %d octets", d.Min)
	}
	return &Error{Tag: d.Tag, Name: d.Name, Fault: FaultLength, Length: n, Rule: rule}
}

// wrap gives an error of a form the tag and the name.
func (d *Definition) wrap(err error, length int) error {
	var e *Error
	if errors.As(err, &e) {
		c := *e
		c.Tag, c.Name = d.Tag, d.Name
		return &c
	}
	return &Error{Tag: d.Tag, Name: d.Name, Fault: FaultValue, Length: length, Rule: err.Error()}
}

// A Definer has a definition: every Key, and *Definition itself.
type Definer interface{ Definition() *Definition }

// Definition returns d.
func (d *Definition) Definition() *Definition { return d }

// A Key reads and writes the TLV of one tag as a T. It is a value to be made
// once with Define and may be used concurrently.
type Key[T any] struct {
	def  *Definition
	form Form[T]
}

// Define makes the key of a tag that stands at most once in a PDU. name is the
// specification's word, in lower case with underscores.
func Define[T any](tag Tag, name string, form Form[T]) Key[T] { return define(tag, name, form, false) }

// DefineRepeated makes the key of a tag that may stand several times in a PDU.
func DefineRepeated[T any](tag Tag, name string, form Form[T]) Key[T] {
	return define(tag, name, form, true)
}

func define[T any](tag Tag, name string, form Form[T], repeated bool) Key[T] {
	d := &Definition{Tag: tag, Name: name, Kind: form.kind, Min: form.min, Max: form.max, Repeated: repeated, scalar: form.scalar}
	d.parses = func(b []byte) error {
		if _, err := form.parse(b); err != nil {
			return d.wrap(err, len(b))
		}
		return nil
	}
	d.decode = func(b []byte) (any, error) {
		v, err := form.parse(b)
		if err != nil {
			return nil, d.wrap(err, len(b))
		}
		return v, nil
	}
	return Key[T]{d, form}
}

// Definition returns what a registry keeps of the key.
func (k Key[T]) Definition() *Definition { return k.def }

// Tag returns the tag.
func (k Key[T]) Tag() Tag { return k.def.Tag }

// Name returns the name given to Define.
func (k Key[T]) Name() string { return k.def.Name }

func (k Key[T]) String() string { return k.def.Name }

// Get returns the first value with the tag. A malformed one counts as absent, and
// so does one that Set refused; List.Get tells the difference.
func (k Key[T]) Get(l List) (v T, ok bool) {
	for i := range l {
		if l[i].Tag == k.def.Tag {
			return k.read(&l[i])
		}
	}
	return v, false
}

func (k Key[T]) read(o *Option) (v T, ok bool) {
	b := o.Value
	if o.err != nil || len(b) < k.def.Min || len(b) > k.def.Max {
		return v, false
	}
	v, err := k.form.parse(b)
	return v, err == nil
}

// All returns the well-formed values with the tag, in order.
func (k Key[T]) All(l List) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range l {
			if l[i].Tag != k.def.Tag {
				continue
			}
			if v, ok := k.read(&l[i]); ok && !yield(v) {
				return
			}
		}
	}
}

// Set makes v the only value with the tag. A value that the form cannot write
// is kept as an error, which sending the PDU reports.
func (k Key[T]) Set(l *List, v T) { l.set(k.Option(v)) }

// Add appends v, for tags that may be repeated.
func (k Key[T]) Add(l *List, v T) { *l = append(*l, k.Option(v)) }

// Delete removes every value with the tag.
func (k Key[T]) Delete(l *List) { l.Delete(k.def.Tag) }

// Option returns v as an option, for composite literals of a List.
func (k Key[T]) Option(v T) Option {
	b, err := k.form.appendTo(nil, v)
	if err == nil && (len(b) < k.def.Min || len(b) > k.def.Max) {
		err = k.def.lengthError(len(b))
	}
	if err != nil {
		return Option{Tag: k.def.Tag, err: k.def.wrap(err, len(b))}
	}
	return Option{Tag: k.def.Tag, Value: b}
}
