package tlv_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/godwit-sms/smpp/tlv"
)

func FuzzTLVs(f *testing.F) {
	for _, s := range []string{
		"", "\x00", "\x00\x00\x00\x00", "\x02\x04\x00", "\x02\x04\x00\x02\xBE\xEF", "\x02\x04\x00\x0A\xBE\xEF",
		"\x13\x0C\x00\x00\x03\x81\x00\x07\x01\x01\x015551\x03\x81\x00\x07\x01\x01\x015552", "\x00\x1E\x00\x03ABC\x04\x27\x00\x01\x02",
		"\x04\x24\xFF\xFF\x00", "\x06\x09\x00\x11240301180000000+\x00",
	} {
		f.Add([]byte(s))
	}
	keys := []tlv.Definer{
		tlv.Define(0, "u8", tlv.Uint8()), tlv.Define(0, "u16", tlv.Uint16()), tlv.Define(0, "u32", tlv.Uint32()),
		tlv.Define(0, "empty", tlv.Empty()), tlv.Define(0, "cstring", tlv.CString(5)), tlv.Define(0, "cstring of", tlv.CStringOf[name](3, 5)),
		tlv.Define(0, "octets", tlv.Octets(1, 4)), tlv.Define(0, "digits", tlv.Digits(3)), tlv.Define(0, "even", even()),
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		l, err := tlv.Parse(data)
		end := len(data)
		if err != nil {
			var e *tlv.Error
			if !errors.As(err, &e) || e.Fault != tlv.FaultStream || e.Offset < 0 || e.Offset >= len(data) {
				t.Fatalf("%+v", err)
			}
			end = e.Offset
		}
		for name, l := range map[string]tlv.List{"list": l, "clone": l.Clone()} {
			again, err := l.Append(nil)
			if err != nil || !bytes.Equal(again, data[:end]) {
				t.Fatalf("the %s of % X encodes to % X, %v", name, data, again, err)
			}
		}
		for _, o := range l {
			if cap(o.Value) != len(o.Value) {
				t.Fatalf("capacity %d, length %d", cap(o.Value), len(o.Value))
			}
			for _, k := range keys {
				d := k.Definition()
				_, decoding := d.Decode(o.Value)
				if checking := d.Check(o.Value); (checking == nil) != (decoding == nil) {
					t.Fatalf("%s % X: Check says %v, Decode %v", d.Name, o.Value, checking, decoding)
				}
			}
		}
		if !bytes.Equal(before, data) {
			t.Fatal("the input was written to")
		}
	})
}
