package tlv_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/godwit-sms/smpp/tlv"
)

type colour uint8

type word uint16

type long uint32

type name string

// even is a form of our own: only even octets are well formed.
func even() tlv.Form[int] {
	return tlv.NewForm("even", 1, 2,
		func(dst []byte, v int) ([]byte, error) {
			if v < 0 || v > 255 || v%2 != 0 {
				return dst, fmt.Errorf("%d is no even octet", v)
			}
			return append(dst, byte(v)), nil
		},
		func(b []byte) (int, error) {
			if b[0]%2 != 0 {
				return 0, &tlv.Error{Fault: tlv.FaultValue, Value: fmt.Sprint(b[0]), Rule: "only even ones"}
			}
			return int(b[0]), nil
		})
}

// roundTrip is a row of TestForms with its type hidden.
func roundTrip[T any](form tlv.Form[T], v T, wire string) func(*testing.T) {
	return func(t *testing.T) {
		key := tlv.Define(0x1400, "x", form)
		var l tlv.List
		key.Set(&l, v)
		b, err := l.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(b[4:]); got != wire {
			t.Errorf("written as %s, want %s", got, wire)
		}
		parsed, err := tlv.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := key.Get(parsed); !ok || !reflect.DeepEqual(got, v) {
			t.Errorf("read as %v, %v, want %v", got, ok, v)
		}
		got, err := key.Definition().Decode(parsed[0].Value)
		if err != nil || !reflect.DeepEqual(got, any(v)) {
			t.Errorf("decoded as %v, %v", got, err)
		}
		if err := key.Definition().Check(parsed[0].Value); err != nil {
			t.Error(err)
		}
	}
}

func TestForms(t *testing.T) {
	for name, run := range map[string]func(*testing.T){
		"uint8":                 roundTrip(tlv.Uint8(), 0xFE, "fe"),
		"uint8 of a type":       roundTrip(tlv.U8[colour](), colour(3), "03"),
		"uint16":                roundTrip(tlv.Uint16(), 0xBEEF, "beef"),
		"uint16 of a type":      roundTrip(tlv.U16[word](), word(1), "0001"),
		"uint32":                roundTrip(tlv.Uint32(), 0xDEADBEEF, "deadbeef"),
		"uint32 of a type":      roundTrip(tlv.U32[long](), long(1), "00000001"),
		"empty":                 roundTrip(tlv.Empty(), struct{}{}, ""),
		"cstring":               roundTrip(tlv.CString(4), "abc", "61626300"),
		"empty cstring":         roundTrip(tlv.CString(4), "", "00"),
		"cstring of a type":     roundTrip(tlv.CStringOf[name](3, 4), name("ab"), "616200"),
		"octets":                roundTrip(tlv.Octets(0, 3), []byte{0, 1, 2}, "000102"),
		"no octets":             roundTrip(tlv.Octets(0, 3), []byte{}, ""),
		"digits":                roundTrip(tlv.Digits(6), "000001", "303030303031"),
		"a form of one's own":   roundTrip(even(), 8, "08"),
		"octets above 0x7F":     roundTrip(tlv.CString(9), "Caf\xE9", "436166e900"),
		"octets that are NULs":  roundTrip(tlv.Octets(2, 2), []byte{0, 0}, "0000"),
		"largest uint8":         roundTrip(tlv.Uint8(), 255, "ff"),
		"cstring as it may get": roundTrip(tlv.CString(256), string(make([]byte, 0)), "00"),
	} {
		t.Run(name, run)
	}
}

func TestCStringReadsLeniently(t *testing.T) {
	key := tlv.Define(1, "id", tlv.CStringOf[string](3, 5))
	for _, tt := range []struct {
		name, wire string
		want       string
		ok         bool
	}{
		{"with NUL", "abc\x00", "abc", true},
		{"without NUL", "abc", "abc", true},
		{"without NUL, full", "abcde", "abcde", true},
		{"least, without NUL", "ab", "ab", true},
		{"a NUL inside ends it", "a\x00cd", "a", true},
		{"too short", "a", "", false},
		{"too long", "abcde\x00", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := key.Get(tlv.List{{Tag: 1, Value: []byte(tt.wire)}})
			if got != tt.want || ok != tt.ok {
				t.Errorf("%q, %v", got, ok)
			}
			if err := key.Definition().Check([]byte(tt.wire)); (err == nil) != tt.ok {
				t.Errorf("Check: %v", err)
			}
		})
	}
}

func TestKeyRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		option tlv.Option
		fault  tlv.Fault
		want   string
	}{
		{"cstring too long", tlv.Define(1, "id", tlv.CString(3)).Option("abc"), tlv.FaultLength, "id: 4 octets: 1 to 3 octets with the NUL are allowed"},
		{"cstring too short", tlv.Define(1, "id", tlv.CStringOf[string](3, 9)).Option("a"), tlv.FaultLength, "id: 2 octets: 3 to 9 octets with the NUL are allowed"},
		{"cstring with a NUL", tlv.Define(1, "id", tlv.CString(9)).Option("a\x00b"), tlv.FaultValue, `id: value "a\x00b": a C-octet string has no NUL inside`},
		{"octets too long", tlv.Define(1, "id", tlv.Octets(1, 2)).Option(make([]byte, 3)), tlv.FaultLength, "id: 3 octets: the value has 1 to 2 octets"},
		{"octets too short", tlv.Define(1, "id", tlv.Octets(1, 2)).Option(nil), tlv.FaultLength, "id: 0 octets: the value has 1 to 2 octets"},
		{"digits of other number", tlv.Define(1, "id", tlv.Digits(6)).Option("12345"), tlv.FaultLength, "id: 5 octets: the value has 6 octets"},
		{"an error of the form", tlv.Define(1, "id", even()).Option(3), tlv.FaultValue, "id: 0 octets: 3 is no even octet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e *tlv.Error
			if !errors.As(tt.option.Err(), &e) {
				t.Fatalf("error %v", tt.option.Err())
			}
			if e.Fault != tt.fault || e.Tag != 1 || e.Name != "id" || e.Error() != tt.want {
				t.Errorf("%v (fault %d), want %s (fault %d)", e, e.Fault, tt.want, tt.fault)
			}
			l := tlv.List{tt.option}
			if _, err := l.Append(nil); !errors.Is(err, tt.option.Err()) {
				t.Errorf("encoding reports %v", err)
			}
		})
	}
}

// A bad Set is reported by encoding, and only if it is still there by then.
func TestErrorsWaitForEncoding(t *testing.T) {
	id := tlv.Define(1, "id", tlv.CString(3))
	var l tlv.List
	id.Set(&l, "too long")
	if len(l) != 1 || l[0].Err() == nil || l[0].Value != nil {
		t.Fatalf("%+v", l)
	}
	if _, err := l.Append(nil); err == nil {
		t.Error("encoding does not report it")
	}
	if v, ok := id.Get(l); ok {
		t.Errorf("Get returns %q, which nobody has set", v)
	}
	for v := range id.All(l) {
		t.Errorf("All returns %q, which nobody has set", v)
	}
	id.Set(&l, "ab")
	if b, err := l.Append(nil); err != nil || string(b) != "\x00\x01\x00\x03ab\x00" {
		t.Errorf("after a good Set: %q, %v", b, err)
	}
	id.Set(&l, "too long")
	id.Delete(&l)
	if b, err := l.Append(nil); err != nil || len(b) != 0 {
		t.Errorf("after Delete: %q, %v", b, err)
	}
}

func TestKeyRepeated(t *testing.T) {
	key := tlv.DefineRepeated(1, "number", even())
	other := tlv.Define(2, "other", tlv.Uint8())
	var l tlv.List
	key.Add(&l, 2)
	other.Set(&l, 9)
	key.Add(&l, 4)
	l.Add(1, []byte{7}) // malformed: no even octet
	key.Add(&l, 6)
	if got := slices.Collect(key.All(l)); !slices.Equal(got, []int{2, 4, 6}) {
		t.Errorf("All = %v; a malformed value is left out", got)
	}
	for v := range key.All(l) {
		if v == 4 {
			break
		}
	}
	key.Set(&l, 8)
	if got := slices.Collect(key.All(l)); !slices.Equal(got, []int{8}) || l[0].Tag != 1 || len(l) != 2 {
		t.Errorf("after Set: %v", l)
	}
	if !key.Definition().Repeated || other.Definition().Repeated {
		t.Error("Repeated")
	}
}

func TestMalformedValuesAreAbsentToGet(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values [][]byte
		ok     bool
	}{
		{"too short", [][]byte{{}}, false},
		{"too long", [][]byte{{2, 2, 2}}, false},
		{"refused by the form", [][]byte{{3}}, false},
		{"the first one counts, though it is malformed", [][]byte{{3}, {2}}, false},
		{"fine", [][]byte{{2}, {3}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l tlv.List
			for _, v := range tt.values {
				l.Add(1, v)
			}
			if v, ok := tlv.Define(1, "even", even()).Get(l); ok != tt.ok || !ok && v != 0 {
				t.Errorf("%v, %v", v, ok)
			}
			if _, ok := l.Get(1); !ok {
				t.Error("List.Get does not show it")
			}
		})
	}
}

func TestDefinition(t *testing.T) {
	key := tlv.Define(0x1401, "shade", even())
	d := key.Definition()
	if key.Tag() != 0x1401 || key.Name() != "shade" || key.String() != "shade" {
		t.Errorf("%v %v %v", key.Tag(), key.Name(), key)
	}
	if d.Tag != 0x1401 || d.Name != "shade" || d.Kind != "even" || d.Min != 1 || d.Max != 2 || d.Definition() != d {
		t.Errorf("%+v", d)
	}
	for _, tt := range []struct {
		name  string
		value []byte
		fault tlv.Fault
		want  string
	}{
		{"too long", []byte{1, 2, 3}, tlv.FaultLength, "shade: 3 octets: the value has 1 to 2 octets"},
		{"refused", []byte{3}, tlv.FaultValue, "shade: value 3: only even ones"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, decoding := d.Decode(tt.value)
			for call, err := range map[string]error{"Check": d.Check(tt.value), "Decode": decoding} {
				var e *tlv.Error
				if !errors.As(err, &e) || e.Fault != tt.fault || e.Tag != 0x1401 || e.Error() != tt.want {
					t.Errorf("%s: %v, want %s", call, err, tt.want)
				}
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	for _, tt := range []struct {
		err  tlv.Error
		want string
	}{
		{tlv.Error{Rule: "r", Length: 2}, "TLVs: 2 octets: r"},
		{tlv.Error{Tag: 0x1400, Rule: "r", Length: 2}, "TLV 0x1400: 2 octets: r"},
		{tlv.Error{Tag: 0x1400, Name: "n", Value: "v", Rule: "r"}, "n: value v: r"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
