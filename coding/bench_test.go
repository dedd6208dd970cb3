package coding_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-sms/smpp/coding"
)

// The yardstick of BenchmarkCharsets: 160 octets through a table and nothing else. Encoding and decoding 160 characters of
// GSM take no more than three times as long.
func BenchmarkByteTable(b *testing.B) {
	var table [256]byte
	for i := range table {
		table[i] = byte(255 - i)
	}
	text := strings.Repeat("0123456789abcdef", 10)
	dst := make([]byte, len(text))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for i := range len(text) {
			dst[i] = table[text[i]]
		}
	}
}

func BenchmarkCharsets(b *testing.B) {
	for _, bb := range []struct {
		name string
		cs   coding.Charset
		text string
	}{
		{"GSM", coding.GSM7, strings.Repeat("0123456789abcdef", 10)},
		{"GSMMixed", coding.GSM7, strings.Repeat("Gr\u00FC\u00DFe, 5 \u20AC an S\u00F8ren.", 8) + strings.Repeat("_", 8)},
		{"Packed", coding.Packed{}, strings.Repeat("0123456789abcdef", 10)},
		{"PackedBehindHeader", coding.Packed{Header: 6}, strings.Repeat("0123456789abcdef", 10)[:153]},
		{"Hindi", coding.National(coding.Hindi, coding.Hindi), strings.Repeat("\u0928\u092E\u0938\u094D", 40)},
		{"Latin1", coding.Latin1, strings.Repeat("gar\u00E7on ", 20)},
		{"UTF16", coding.UTF16, strings.Repeat("\u65E5\u672C\u8A9E abc", 10)},
		{"ShiftJIS", coding.ShiftJIS, strings.Repeat("\u65E5\u672C\u8A9E abc", 10)},
		{"ISO2022JP", coding.ISO2022JP, strings.Repeat("\u65E5\u672C\u8A9E abc", 10)},
		{"EUCKR", coding.EUCKR, strings.Repeat("\uD55C\uAD6D\uC5B4 abc", 10)},
	} {
		octets, err := coding.Encode(bb.cs, bb.text)
		if err != nil {
			b.Fatal(err)
		}
		dst := make([]byte, 0, 1024)
		b.Run(bb.name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(octets)))
			for b.Loop() {
				if _, err := bb.cs.AppendEncode(dst, bb.text); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bb.name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(octets)))
			for b.Loop() {
				bb.cs.AppendDecode(dst, octets)
			}
		})
		b.Run(bb.name+"/len", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(octets)))
			for b.Loop() {
				coding.Len(bb.cs, bb.text)
			}
		})
	}
}

func BenchmarkPack(b *testing.B) {
	septets := []byte(strings.Repeat("0123456789abcdef", 10))
	for _, fill := range []int{0, 1} {
		packed := coding.AppendPack(nil, septets, fill)
		dst := make([]byte, 0, 256)
		b.Run(fmt.Sprintf("pack/fill=%d", fill), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(septets)))
			for b.Loop() {
				coding.AppendPack(dst, septets, fill)
			}
		})
		b.Run(fmt.Sprintf("unpack/fill=%d", fill), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(septets)))
			for b.Loop() {
				coding.AppendUnpack(dst, packed, fill)
			}
		})
	}
}

func BenchmarkTransliterate(b *testing.B) {
	for name, text := range map[string]string{
		"nothing": strings.Repeat("0123456789abcdef", 10),
		"quotes":  strings.Repeat("\u201CIt\u2019s 5 o\u2019clock\u201D \u2014 ", 8),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				coding.Transliterate(coding.GSM7, text)
			}
		})
	}
}
