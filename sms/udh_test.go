package sms_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/godwit-sms/smpp/coding"
	"github.com/godwit-sms/smpp/sms"
)

type userDataFile struct {
	UDH struct {
		Examples []struct {
			Hex      string
			Elements []struct {
				IEI                    uint8
				Ref                    *uint16
				Total, Index, Language uint8
				DestPort               uint16 `json:"dest_port"`
				SourcePort             uint16 `json:"source_port"`
			}
		}
	}
	Segments struct {
		Capacity []struct {
			UDH          string
			HeaderOctets int `json:"header_octets"`
			Septets      int
			Octets8      int
			UCS2Chars    int `json:"ucs2_chars"`
		}
	}
}

func TestUDHExamples(t *testing.T) {
	for _, c := range readJSON[userDataFile](t, "user_data.json").UDH.Examples {
		t.Run(c.Hex, func(t *testing.T) {
			octets := unhex(t, c.Hex)
			h, n, err := sms.ParseUDH(append(octets, "text"...))
			if err != nil || n != len(octets) || len(h) != len(c.Elements) {
				t.Fatalf("%v, %d, %v", h, n, err)
			}
			var built sms.UDH
			for i, e := range c.Elements {
				if h[i].ID != e.IEI {
					t.Errorf("element %d is %#02x", i, h[i].ID)
				}
				switch e.IEI {
				case sms.ElementConcat8, sms.ElementConcat16:
					if got, ok := h.Concat(); !ok || got != (sms.Concat{Reference: *e.Ref, Total: e.Total, Index: e.Index}) {
						t.Errorf("part %+v, %t", got, ok)
					}
					if e.IEI == sms.ElementConcat8 {
						built = append(built, sms.Concat8(uint8(*e.Ref), e.Total, e.Index))
					} else {
						built = append(built, sms.Concat16(*e.Ref, e.Total, e.Index))
					}
				case sms.ElementPorts16:
					if dest, source, ok := h.Ports(); !ok || dest != e.DestPort || source != e.SourcePort {
						t.Errorf("ports %d, %d, %t", dest, source, ok)
					}
					built = append(built, sms.Ports(e.DestPort, e.SourcePort))
				case sms.ElementSingleShift:
					if l, ok := h.SingleShift(); !ok || uint8(l) != e.Language {
						t.Errorf("single shift %v, %t", l, ok)
					}
					built = append(built, sms.SingleShift(coding.Language(e.Language)))
				case sms.ElementLockingShift:
					if l, ok := h.LockingShift(); !ok || uint8(l) != e.Language {
						t.Errorf("locking shift %v, %t", l, ok)
					}
					built = append(built, sms.LockingShift(coding.Language(e.Language)))
				}
			}
			if got, err := built.Append(nil); err != nil || !bytes.Equal(got, octets) {
				t.Errorf("built % X, %v", got, err)
			}
		})
	}
}

// B18: a header that was read is written as it was.
func TestB18UDHRoundTrip(t *testing.T) {
	for _, s := range []string{"00", "050003640201", "0605040B8423F0", "06700102710181", "0B0504158200000003AB0301", "02A000", "0500036402010000"} {
		octets := unhex(t, s)
		h, n, err := sms.ParseUDH(octets)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		got, err := h.Append([]byte{0xEE})
		if err != nil || !bytes.Equal(got[1:], octets[:n]) || h.Len() != n {
			t.Errorf("%s: % X, %d octets, %v", s, got, h.Len(), err)
		}
		if c, err := h.Clone().Append(nil); err != nil || !bytes.Equal(c, octets[:n]) {
			t.Errorf("clone of %s: % X, %v", s, c, err)
		}
	}
	if got, err := sms.UDH(nil).Append(nil); len(got) != 0 || err != nil || sms.UDH(nil).Len() != 0 || sms.UDH(nil).Clone() != nil {
		t.Errorf("no header: % X, %v", got, err)
	}
}

func TestUDHRules(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		n         int
		malformed bool
		concat    sms.Concat // zero: none
	}{
		{"no octets", "", 0, true, sms.Concat{}},
		{"longer than the user data", "050003640201"[:10], 0, true, sms.Concat{}},
		{"one octet of an element", "0400010122", 5, true, sms.Concat{}},
		{"too few octets for the last element", "0500046402 01", 6, true, sms.Concat{}},
		{"an octet too many", "06000364020100", 7, true, sms.Concat{}},
		{"unknown element skipped", "08 7E01FF 0003640201", 9, false, sms.Concat{Reference: 100, Total: 2, Index: 1}},
		{"total 0", "050003640000", 6, false, sms.Concat{}},
		{"index 0", "050003640200", 6, false, sms.Concat{}},
		{"index beyond total", "050003640203", 6, false, sms.Concat{}},
		{"wrong size", "0400026402", 5, false, sms.Concat{}},
		{"last of two", "0A 0003640201 0003650301", 11, false, sms.Concat{Reference: 101, Total: 3, Index: 1}},
		{"last valid of two", "0A 0003640201 0003650304", 11, false, sms.Concat{Reference: 100, Total: 2, Index: 1}},
		{"16 bits after 8", "0B 0003640201 080401F40302", 12, false, sms.Concat{Reference: 500, Total: 3, Index: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			octets := unhex(t, c.hex)
			h, n, err := sms.ParseUDH(octets)
			if n != c.n || (err != nil) != c.malformed || c.malformed && h != nil {
				t.Errorf("%v, %d, %v", h, n, err)
			}
			var e *sms.Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("error is a %T", err)
			}
			if got, ok := h.Concat(); got != c.concat || ok != (c.concat.Total > 0) {
				t.Errorf("part %+v, %t", got, ok)
			}
		})
	}
	h := sms.UDH{{ID: sms.ElementPorts16, Data: []byte{0, 1, 0, 2}}, {ID: sms.ElementPorts8, Data: []byte{240, 241}}, {ID: sms.ElementPorts8, Data: []byte{1}}}
	if dest, source, ok := h.Ports(); dest != 240 || source != 241 || !ok {
		t.Errorf("ports %d, %d, %t", dest, source, ok)
	}
	if d, ok := h.Get(sms.ElementPorts8); !ok || len(d) != 1 {
		t.Errorf("Get: % X, %t", d, ok)
	}
	if _, ok := h.Get(0x77); ok {
		t.Error("Get finds what is not there")
	}
	if got := h.String(); got != "05:00010002 04:f0f1 04:01" {
		t.Errorf("String: %s", got)
	}
	long := sms.UDH{{Data: make([]byte, 254)}}
	_, err := long.Append(nil)
	wantError(t, err, "user data header", "257", "256")
}

func FuzzUDH(f *testing.F) {
	for _, s := range []string{"", "00", "050003640201", "06080401F40302", "0B0504158200000003AB0301", "06250101240101", "FF"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		h, n, err := sms.ParseUDH(octets)
		if n > len(octets) || (err != nil) != (h == nil) {
			t.Fatalf("%v, %d, %v", h, n, err)
		}
		c, ok := h.Concat()
		if ok && (c.Index == 0 || c.Index > c.Total) {
			t.Fatalf("part %+v", c)
		}
		h.Ports()
		h.SingleShift()
		h.LockingShift()
		_ = h.String()
		if err != nil {
			return
		}
		if got, err := h.Append(nil); err != nil || !bytes.Equal(got, octets[:n]) || h.Len() != n {
			t.Fatalf("% X becomes % X, %v", octets[:n], got, err)
		}
	})
}
