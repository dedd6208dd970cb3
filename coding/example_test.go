package coding_test

import (
	"errors"
	"fmt"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/korean"

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
	ks := coding.FromEncoding("EUC-KR", korean.EUCKR)
	octets, err := coding.Encode(ks, "\uD55C")
	fmt.Printf("%v: % X %v\n", ks, octets, err)
	// Output: EUC-KR: C7 D1 <nil>
}

func ExampleEncoding() {
	gsm := coding.Encoding(coding.GSM7)
	octets, err := encoding.ReplaceUnsupported(gsm.NewEncoder()).String("a \u2615 for 5 \u20AC")
	fmt.Printf("%q %v\n", octets, err)
	// Output: "a ? for 5 \x1be" <nil>
}
