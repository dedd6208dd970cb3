package tlv_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/tlv"
)

func list(tagsAndValues ...any) tlv.List {
	var l tlv.List
	for i := 0; i < len(tagsAndValues); i += 2 {
		l.Add(tlv.Tag(tagsAndValues[i].(int)), []byte(tagsAndValues[i+1].(string)))
	}
	return l
}

func render(l tlv.List) string {
	var b strings.Builder
	for _, o := range l {
		b.WriteByte('0' + byte(o.Tag))
		b.WriteByte('=')
		b.Write(o.Value)
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

func TestListChanges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*tlv.List)
		want   string
	}{
		{"add to the end", func(l *tlv.List) { l.Add(4, []byte("d")) }, "1=a 2=b 1=c 3=d 1=e 4=d"},
		{"add a tag that is there", func(l *tlv.List) { l.Add(2, nil) }, "1=a 2=b 1=c 3=d 1=e 2="},
		{"set keeps the first place and removes the rest", func(l *tlv.List) { l.Set(1, []byte("x")) }, "1=x 2=b 3=d"},
		{"set what stands once", func(l *tlv.List) { l.Set(3, []byte("x")) }, "1=a 2=b 1=c 3=x 1=e"},
		{"set what is not there", func(l *tlv.List) { l.Set(5, []byte("x")) }, "1=a 2=b 1=c 3=d 1=e 5=x"},
		{"delete all of a tag", func(l *tlv.List) { l.Delete(1) }, "2=b 3=d"},
		{"delete what is not there", func(l *tlv.List) { l.Delete(9) }, "1=a 2=b 1=c 3=d 1=e"},
		{"empty it", func(l *tlv.List) { l.Delete(1); l.Delete(2); l.Delete(3) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := list(1, "a", 2, "b", 1, "c", 3, "d", 1, "e")
			tt.change(&l)
			if got := render(l); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestListLooks(t *testing.T) {
	l := list(1, "a", 2, "", 1, "c")
	if v, ok := l.Get(1); !ok || string(v) != "a" {
		t.Errorf("Get(1) = %q, %v; the first one counts", v, ok)
	}
	if v, ok := l.Get(2); !ok || len(v) != 0 {
		t.Errorf("Get(2) = %q, %v; an empty value is there", v, ok)
	}
	if v, ok := l.Get(3); ok || v != nil {
		t.Errorf("Get(3) = %q, %v", v, ok)
	}
	if l.Has(3) || !l.Has(2) {
		t.Error("Has")
	}
	var all []string
	for v := range l.All(1) {
		all = append(all, string(v))
	}
	if !slices.Equal(all, []string{"a", "c"}) {
		t.Errorf("All(1) = %q", all)
	}
	for v := range l.All(1) {
		if string(v) != "a" {
			t.Error("All goes on after a break")
		}
		break
	}
	var none tlv.List
	if none.Has(0) || none.Clone() != nil {
		t.Error("a nil list holds something")
	}
	none.Delete(1)
	if b, err := none.Append([]byte("x")); string(b) != "x" || err != nil {
		t.Errorf("a nil list encodes to %q, %v", b, err)
	}
}

func TestListClone(t *testing.T) {
	wire := []byte{0, 1, 0, 2, 'a', 'b', 0, 2, 0, 0}
	l, err := tlv.Parse(wire)
	if err != nil {
		t.Fatal(err)
	}
	c := l.Clone()
	clear(wire)
	l[1].Tag = 9
	if len(c) != 2 || string(c[0].Value) != "ab" || c[1].Tag != 2 || c[1].Value == nil {
		t.Errorf("the clone shares memory: %v", c)
	}
	bad := tlv.List{tlv.Define(7, "seven", tlv.CString(3)).Option("too long")}
	if bad.Clone()[0].Err() == nil {
		t.Error("the clone lost the error of an option")
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, wire string
		want       string // options before the fault
		fault      int    // offset of the fault, -1: none
		length     int    // of what is at fault
		tag        tlv.Tag
	}{
		{"nothing", "", "", -1, 0, 0},
		{"one", "\x00\x01\x00\x01a", "1=a", -1, 0, 0},
		{"order, repetition and emptiness stay", "\x00\x02\x00\x01a\x00\x01\x00\x00\x00\x02\x00\x01b", "2=a 1= 2=b", -1, 0, 0},
		{"one stray octet", "\x00", "", 0, 1, 0},
		{"three stray octets", "\x00\x01\x00\x01a\x02\x04\x00", "1=a", 5, 3, 0},
		{"a length beyond the end", "\x00\x01\x00\x01a\x00\x02\x00\x03bc", "1=a", 5, 3, 2},
		{"the longest length, no value", "\x00\x03\xFF\xFF", "", 0, 65535, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := tlv.Parse([]byte(tt.wire))
			if got := render(l); got != tt.want {
				t.Errorf("options %q, want %q", got, tt.want)
			}
			if tt.fault < 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var e *tlv.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			if e.Fault != tlv.FaultStream || e.Offset != tt.fault || e.Length != tt.length || e.Tag != tt.tag || e.Error() == "" {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestParseAliases(t *testing.T) {
	wire := []byte("\x00\x01\x00\x01a\x00\x02\x00\x01b")
	l, err := tlv.Parse(wire)
	if err != nil {
		t.Fatal(err)
	}
	if &l[0].Value[0] != &wire[4] {
		t.Error("the value was copied")
	}
	_ = append(l[0].Value, 'X')
	if string(wire) != "\x00\x01\x00\x01a\x00\x02\x00\x01b" {
		t.Errorf("appending to a value wrote over its neighbour: %q", wire)
	}
}

func TestListAppendRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		bad  tlv.Option
		want string
	}{
		{"a value that the form cannot write", tlv.Define(7, "seven", tlv.CString(3)).Option("four"), "seven: 5 octets: 1 to 3 octets with the NUL are allowed"},
		{"a value beyond the length field", tlv.Option{Tag: 0x1400, Value: make([]byte, 65536)}, "TLV 0x1400: 65536 octets: a value has at most 65535 octets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := append(list(1, "a"), tt.bad)
			l.Add(2, []byte("b"))
			got, err := l.Append([]byte("before"))
			if string(got) != "before" {
				t.Errorf("%d octets were left", len(got))
			}
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
	longest := tlv.List{{Tag: 1, Value: make([]byte, 65535)}}
	if b, err := longest.Append(nil); err != nil || len(b) != 4+65535 || !bytes.HasPrefix(b, []byte{0, 1, 0xFF, 0xFF}) {
		t.Errorf("the longest value: %d octets, %v", len(b), err)
	}
}
