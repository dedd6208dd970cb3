package coding_test

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/godwit-sms/smpp/coding"
)

func Example() {
	for _, text := range []string{"Your code is 4711", "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439"} {
		cs, ok := coding.Choose(text)
		if !ok {
			continue // not valid UTF-8
		}
		octets, _ := coding.Encode(cs, text)
		dataCoding, _ := coding.DataCodingOf(cs)
		fmt.Printf("%v, data_coding %d, %d octets\n", cs, dataCoding, len(octets))
	}
	// Output:
	// GSM 7-bit, data_coding 0, 17 octets
	// UTF-16BE, data_coding 8, 20 octets
}

func ExampleEncode() {
	octets, err := coding.Encode(coding.GSM7, "5 \u20AC @ home")
	fmt.Printf("% X %v\n", octets, err)

	_, err = coding.Encode(coding.GSM7, "caf\u00E9 \u2615")
	fmt.Println(err)
	var missing *coding.EncodeError
	if errors.As(err, &missing) {
		fmt.Printf("%q at %d\n", missing.Rune, missing.Offset)
	}
	// Output:
	// 35 20 1B 65 20 00 20 68 6F 6D 65 <nil>
	// coding: U+2615 '☕' at byte 6 is not in GSM 7-bit
	// '☕' at 6
}

func ExampleDecode() {
	fmt.Println(coding.Decode(coding.GSM7, []byte("5 \x1Be \x00 home")))
	fmt.Println(coding.Decode(coding.UTF16, []byte("\x20\xAC")))
	// Output:
	// 5 € @ home
	// €
}

func ExampleForDataCoding() {
	for _, dataCoding := range []uint8{0x00, 0x01, 0x08, 0x18, 0xE0, 0xF5, 0x0E, 0x0F} {
		cs, ok := coding.ForDataCoding(dataCoding, coding.GSM7)
		fmt.Printf("%#02x %v %t\n", dataCoding, cs, ok)
	}
	// Output:
	// 0x00 GSM 7-bit true
	// 0x01 ASCII true
	// 0x08 UTF-16BE true
	// 0x18 UTF-16BE true
	// 0xe0 UTF-16BE true
	// 0xf5 8-bit binary true
	// 0x0e EUC-KR true
	// 0x0f 8-bit binary false
}

func ExampleDataCodingOf() {
	dataCoding, ok := coding.DataCodingOf(coding.UTF16)
	fmt.Println(dataCoding, ok)
	// Output: 8 true
}

func ExampleParseGSM() {
	d := coding.ParseGSM(0x18)
	fmt.Println(d.Charset, d.HasClass, d.Class)
	d = coding.ParseGSM(0xC8)
	fmt.Println(d.Charset, d.HasWaiting, d.Waiting.Type, d.Waiting.Active)
	// Output:
	// UTF-16BE true class 0
	// GSM 7-bit true voicemail true
}

func ExampleGSMDataCoding_DataCoding() {
	flash := coding.GSMDataCoding{Charset: coding.UTF16, HasClass: true, Class: coding.ClassDisplay}
	dataCoding, err := flash.DataCoding()
	fmt.Printf("%#02x %v\n", dataCoding, err)
	// Output: 0x18 <nil>
}

func ExampleLen() {
	fmt.Println(coding.Len(coding.GSM7, "[\u20AC]")) // each is an escape and a code
	fmt.Println(coding.Len(coding.UTF16, "\U0001F600"))
	fmt.Println(coding.Len(coding.ASCII, "na\u00EFve"))
	// Output:
	// 6 true
	// 4 true
	// 2 false
}

func ExampleCut() {
	text := "12345\u20AC789"
	for text != "" {
		n := coding.Cut(coding.GSM7, text, 6) // the euro sign takes two units
		fmt.Println(text[:n])
		text = text[n:]
	}
	// Output:
	// 12345
	// €789
}

func ExampleChoose() {
	cs, ok := coding.Choose("gar\u00E7on", coding.GSM7, coding.Latin1, coding.UTF16)
	fmt.Println(cs, ok)
	// Output: ISO 8859-1 true
}

func ExampleEncodable() {
	fmt.Println(coding.Encodable(coding.GSM7, "\u00C7a va"), coding.Encodable(coding.GSM7, "\u00E7a va"))
	// Output: true false
}

func ExampleNational() {
	cs := coding.National(coding.DefaultLanguage, coding.Turkish)
	octets, err := coding.Encode(cs, "\u015Fimdi")
	fmt.Printf("%v: % X %v\n", cs, octets, err)
	// Output: GSM 7-bit, Turkish single shift: 1B 73 69 6D 64 69 <nil>
}

func ExampleFromEncoding() {
	// A peer that sends UTF-16 with the octets the wrong way round.
	reversed := coding.FromEncoding("UTF-16LE", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM))
	fmt.Println(coding.Decode(reversed, []byte("o\x00k\x00")))

	octets, err := coding.Encode(coding.FromEncoding("Big5", traditionalchinese.Big5), "\u4E2D\u6587")
	fmt.Printf("% X %v\n", octets, err)
	// Output:
	// ok
	// A4 A4 A4 E5 <nil>
}

func ExampleEncoding() {
	gsm := coding.Encoding(coding.GSM7)
	octets, err := encoding.ReplaceUnsupported(gsm.NewEncoder()).String("a \u2615 for 5 \u20AC")
	fmt.Printf("%q %v\n", octets, err)
	// Output: "a ? for 5 \x1be" <nil>
}

// Text behind a user data header, packed: the header decides about the fill bits.
func ExamplePacked() {
	header := []byte{0x05, 0x00, 0x03, 0x64, 0x02, 0x01} // part 1 of 2
	packed := coding.Packed{Header: len(header)}
	userData, err := packed.AppendEncode(header, "hello")
	fmt.Printf("%X %v\n", userData, err)
	fmt.Println(coding.Decode(packed, userData[len(header):]))
	fmt.Println(coding.Cut(packed, strings.Repeat("a", 200), 140-len(header)), "characters fit")

	// A message center that packs all it calls data_coding 0.
	cs, _ := coding.ForDataCoding(0, coding.Packed{})
	fmt.Println(cs)
	// Output:
	// 050003640201D06536FB0D <nil>
	// hello
	// 153 characters fit
	// GSM 7-bit, packed
}

// Septets of a GSM alphabet, packed into a given buffer and back.
func ExampleAppendPack() {
	septets, _ := coding.Encode(coding.GSM7, "hellohello")
	buf := make([]byte, 0, coding.PackedLen(len(septets), 0))
	packed := coding.AppendPack(buf, septets, 0)
	fmt.Printf("%X\n", packed)
	fmt.Println(coding.Decode(coding.GSM7, coding.AppendUnpack(nil, packed, 0)))
	// Output:
	// E8329BFD4697D9EC37
	// hellohello
}

func ExampleFillBits() {
	fmt.Println(coding.FillBits(0), coding.FillBits(6), coding.FillBits(7))
	// Output: 0 1 0
}

// What costs a text its cheap coding, and what to do about it.
func ExampleEncodeError() {
	text := "Don\u2019t panic\u2026"
	_, err := coding.Encode(coding.GSM7, text)
	fmt.Println(err)
	text = coding.Transliterate(coding.GSM7, text)
	cs, _ := coding.Choose(text)
	fmt.Println(text, cs)
	// Output:
	// coding: U+2019 '’' at byte 3 is not in GSM 7-bit
	// Don't panic... GSM 7-bit
}
