package coding

import (
	"errors"
	"math"
	"sort"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// Encoding returns cs as an encoding of golang.org/x/text. Its encoder stops at a character that cs does not have with an
// error for which errors.As finds an [*EncodeError], whose Offset counts within the piece at hand;
// encoding.ReplaceUnsupported turns such characters into question marks where cs has a question mark of one octet. For a
// Charset of [FromEncoding] it is the encoding given there.
//
// [Packed], [ISO2022JP] and a Charset from outside this package are read and written in one piece, since characters there
// depend on what stands in front of them, or may: text longer than the reader's buffer of golang.org/x/text, 4096 octets,
// is an error then.
func Encoding(cs Charset) encoding.Encoding {
	cs = orGSM7(cs)
	if f, ok := cs.(*foreign); ok {
		return f.encoding
	}
	return adapter{cs}
}

type adapter struct{ cs Charset }

func (a adapter) String() string { return a.cs.String() }

func (a adapter) NewEncoder() *encoding.Encoder {
	e := encoder{cs: a.cs}
	// In packed text an octet is no character, so that "??" is not "?" twice.
	if q, err := a.cs.AppendEncode(nil, "??"); err == nil && len(q) == 2 && q[0] == q[1] {
		e.question, e.hasQuestion = q[0], true
	}
	return &encoding.Encoder{Transformer: e}
}

func (a adapter) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: decoder{cs: a.cs}}
}

// piecewise are the character sets whose characters do not depend on those in front.
type piecewise interface {
	// next returns the length of the first character of octets, 0 if there may be more of it to come.
	next(octets []byte) int
}

type encoder struct {
	transform.NopResetter
	cs          Charset
	question    byte
	hasQuestion bool
}

// repertoireError has the method by which x/text knows that a character is missing rather than a text broken.
type repertoireError struct {
	*EncodeError
	replacement byte
}

func (e repertoireError) Replacement() byte { return e.replacement }
func (e repertoireError) Unwrap() error     { return e.EncodeError }

func (e encoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	text := string(src)
	if !atEOF {
		text = text[:wholeRunes(text)]
	}
	if _, ok := e.cs.(piecewise); !ok {
		if !atEOF {
			return 0, 0, transform.ErrShortSrc
		}
		if units, n := e.cs.Units(text, math.MaxInt); units > len(dst) && n > 0 {
			return 0, 0, transform.ErrShortDst
		}
	}
	_, nSrc = e.cs.Units(text, len(dst))
	octets, err := e.cs.AppendEncode(dst[:0:len(dst)], text[:nSrc])
	if err != nil {
		return 0, 0, err // cannot be, after Units
	}
	nDst = copy(dst, octets) // in place unless a Charset from outside has its own mind
	switch {
	case nSrc == len(src):
		return nDst, nSrc, nil
	case nSrc == len(text):
		return nDst, nSrc, transform.ErrShortSrc
	}
	if _, n := e.cs.Units(text[nSrc:], math.MaxInt); n > 0 {
		return nDst, nSrc, transform.ErrShortDst
	}
	missing := unencodable(e.cs, text, nSrc)
	if e.hasQuestion {
		return nDst, nSrc, repertoireError{missing, e.question}
	}
	return nDst, nSrc, missing
}

// wholeRunes returns the length of text without the beginning of a character at its end.
func wholeRunes(text string) int {
	for i := len(text) - 1; i >= 0 && i >= len(text)-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRuneInString(text[i:]) {
				return i
			}
			break
		}
	}
	return len(text)
}

type decoder struct {
	transform.NopResetter
	cs Charset
}

func (d decoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	pieces, ok := d.cs.(piecewise)
	var buf [16]byte
	for nSrc < len(src) {
		rest, n := src[nSrc:], 0
		if ok {
			n = pieces.next(rest)
		}
		if n == 0 {
			if !atEOF {
				return nDst, nSrc, transform.ErrShortSrc
			}
			n = len(rest)
		}
		text := d.cs.AppendDecode(buf[:0], rest[:n])
		if len(text) > len(dst)-nDst {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += copy(dst[nDst:], text)
		nSrc += n
	}
	return nDst, nSrc, nil
}

// FromEncoding returns an encoding of golang.org/x/text as a Charset with a name, for example
// FromEncoding("Big5", traditionalchinese.Big5). What it replaces or lets through on the way is up to e; ISO-2022-JP of
// golang.org/x/text, for one, writes U+001B as it is, which is read back as the start of an escape sequence. A nil e is
// encoding.Nop.
//
// Each call of the methods of the Charset allocates. Two results are equal only if they are of the same call.
func FromEncoding(name string, e encoding.Encoding) Charset {
	if e == nil {
		e = encoding.Nop
	}
	return &foreign{name: name, encoding: e}
}

type foreign struct {
	name     string
	encoding encoding.Encoding
}

func (f *foreign) String() string { return f.name }

func (f *foreign) AppendEncode(dst []byte, text string) ([]byte, error) {
	// Some encodings replace invalid UTF-8 silently.
	valid := validLen(text)
	start := len(dst)
	dst, n, err := transform.Append(f.encoding.NewEncoder().Transformer, dst, []byte(text[:valid]))
	switch {
	case err != nil && n < valid:
		return dst[:start], unencodable(f, text, n)
	case err != nil:
		return dst[:start], err
	case valid < len(text):
		return dst[:start], unencodable(f, text, valid)
	}
	return dst, nil
}

// validLen returns the length of the longest prefix of text that is valid UTF-8.
func validLen(text string) int {
	if utf8.ValidString(text) {
		return len(text)
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if invalid(r, size) {
			return i
		}
		i += size
	}
	return len(text)
}

func (f *foreign) AppendDecode(dst, octets []byte) []byte {
	start := len(dst)
	for len(octets) > 0 {
		out, n, err := transform.Append(f.encoding.NewDecoder().Transformer, dst, octets)
		dst = out
		if err == nil {
			break
		}
		dst = utf8.AppendRune(dst, utf8.RuneError)
		octets = octets[min(n+1, len(octets)):]
	}
	if !utf8.Valid(dst[start:]) {
		// Only encoding.Nop and its like; what it cannot be is U+FFFD as everywhere.
		text := []rune(string(dst[start:]))
		dst = append(dst[:start], string(text)...)
	}
	return dst
}

func (f *foreign) Units(text string, limit int) (units, n int) {
	// The octets may depend on what stands in front, as in ISO-2022-JP, so that only whole prefixes can be measured.
	measure := func(n int) int {
		octets, err := f.AppendEncode(nil, text[:n])
		if err != nil {
			return math.MaxInt
		}
		return len(octets)
	}
	// Nothing takes less than an octet a character: what is far beyond the limit need not be looked at.
	if limit < len(text)/utf8.UTFMax {
		text = text[:wholeRunes(text[:max(utf8.UTFMax*(limit+1), 0)])]
	}
	end := len(text)
	if _, err := f.AppendEncode(nil, text); err != nil {
		var e *EncodeError
		if !errors.As(err, &e) {
			return 0, 0
		}
		end = e.Offset
	}
	if units = measure(end); units <= limit && units < math.MaxInt {
		return units, end
	}
	// The first place where a prefix is too long, less one, is the start of the character that no longer fits.
	n = sort.Search(end, func(i int) bool {
		for i < end && !utf8.RuneStart(text[i]) {
			i++
		}
		return measure(i) > limit
	}) - 1
	if n <= 0 {
		return 0, 0
	}
	return measure(n), n
}
