package coding

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Transliterate returns text with the characters that cs does not have replaced by others that it has and that say nearly
// the same. What cs has stays as it is, and so does a character without such a replacement: [Encodable] tells whether
// the outcome can be written. To transliterate again changes nothing.
//
// These are the replacements, in the order in which they are tried; one that cs cannot write in full is none:
//
//   - the same character composed, as é for e and U+0301
//   - quotation marks, apostrophes, primes and grave accents: ' or "
//   - hyphens, dashes and the minus sign: -
//   - the ellipsis: three full stops; bullets: *; fraction slashes: /
//   - spaces of all widths and the tabulator: a space; separators of lines and paragraphs: a line feed
//   - letters without accents in Unicode, such as æ, ł and ß: one or two letters
//   - ç: Ç, its capital, which is all that GSM has of it
//   - Greek letters: the capital, or the Latin one that looks the same, as is the custom on GSM
//   - currency signs: their ISO 4217 code; copyright and the like: (c), (r), TM
//   - mathematical signs and arrows: ASCII art such as <= and ->
//   - what Unicode takes for a form of other characters, such as ligatures, full width and superscripts: these
//   - letters with accents: the letter
//
// Invisible characters, such as soft hyphens, joiners and variation selectors, are left out behind what can be written.
// Nothing is replaced by a question mark; encoding.ReplaceUnsupported of golang.org/x/text does that, see [Encoding].
func Transliterate(cs Charset, text string) string {
	cs = orGSM7(cs)
	if Encodable(cs, text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	carried := true // what stands in front can be written
	for text != "" {
		n := clusterLen(text)
		cluster := text[:n]
		text = text[n:]
		if Encodable(cs, cluster) {
			carried = true
		} else if s, ok := transliterate(cs, cluster); ok && (s != "" || carried) {
			cluster, carried = s, true
		} else {
			carried = false
		}
		b.WriteString(cluster)
	}
	return b.String()
}

// clusterLen returns the length of the first character of text and the marks that go with it.
func clusterLen(text string) int {
	_, n := utf8.DecodeRuneInString(text)
	for n < len(text) && text[n] >= utf8.RuneSelf {
		p := norm.NFC.PropertiesString(text[n:])
		if p.Size() == 0 || p.BoundaryBefore() {
			break
		}
		n += p.Size()
	}
	return n
}

// transliterate returns what cs can write for a character and its marks.
func transliterate(cs Charset, cluster string) (s string, ok bool) {
	composed := norm.NFC.String(cluster)
	if Encodable(cs, composed) {
		return composed, true
	}
	var b strings.Builder
	for i, r := range composed {
		switch {
		case r == utf8.RuneError:
			return "", false
		case Encodable(cs, string(r)):
			b.WriteRune(r)
		case i > 0 && unicode.Is(unicode.Mn, r):
			// a mark that did not combine with its letter
		default:
			s, ok := replacement(cs, r)
			if !ok {
				return "", false
			}
			b.WriteString(s)
		}
	}
	return b.String(), Encodable(cs, b.String())
}

// replacement returns what cs can write for r.
func replacement(cs Charset, r rune) (s string, ok bool) {
	if unicode.Is(invisible, r) {
		return "", true
	}
	for _, s := range replacements[r] {
		if Encodable(cs, s) {
			return s, true
		}
	}
	// A step at a time, since what stands behind it may have a replacement of its own.
	parts := norm.NFKD.String(string(r))
	if parts == string(r) {
		return "", false
	}
	var b strings.Builder
	for i, part := range parts {
		switch {
		case Encodable(cs, string(part)):
			b.WriteRune(part)
		case i > 0 && unicode.Is(unicode.Mn, part):
		default:
			s, ok := replacement(cs, part)
			if !ok {
				return "", false
			}
			b.WriteString(s)
		}
	}
	return b.String(), Encodable(cs, b.String())
}

// invisible are the characters that only tell how others are to be shown.
var invisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00AD, Hi: 0x00AD, Stride: 1}, // soft hyphen
		{Lo: 0x034F, Hi: 0x034F, Stride: 1}, // combining grapheme joiner
		{Lo: 0x061C, Hi: 0x061C, Stride: 1}, // direction
		{Lo: 0x200B, Hi: 0x200F, Stride: 1}, // zero-width space and joiners, direction
		{Lo: 0x202A, Hi: 0x202E, Stride: 1}, // direction
		{Lo: 0x2060, Hi: 0x2060, Stride: 1}, // word joiner
		{Lo: 0x2066, Hi: 0x2069, Stride: 1}, // direction
		{Lo: 0xFE00, Hi: 0xFE0F, Stride: 1}, // variation selectors
		{Lo: 0xFEFF, Hi: 0xFEFF, Stride: 1}, // byte order mark
	},
	LatinOffset: 1,
}

// replacements are tried in order.
var replacements = map[rune][]string{
	// Quotation marks.
	'\u0060': {"'"}, '\u00B4': {"'"}, '\u02B9': {"'"}, '\u02BA': {`"`}, '\u02BB': {"'"}, '\u02BC': {"'"}, '\u02BD': {"'"},
	'\u02C8': {"'"}, '\u2018': {"'"}, '\u2019': {"'"}, '\u201A': {"'"}, '\u201B': {"'"}, '\u2032': {"'"}, '\u2035': {"'"},
	'\u2039': {"<", "'"}, '\u203A': {">", "'"}, '\uFF07': {"'"}, '\u00A8': {`"`}, '\u00AB': {`"`}, '\u00BB': {`"`},
	'\u02DD': {`"`}, '\u201C': {`"`}, '\u201D': {`"`}, '\u201E': {`"`}, '\u201F': {`"`}, '\u2033': {`"`}, '\u2036': {`"`},
	'\u301D': {`"`}, '\u301E': {`"`}, '\u301F': {`"`}, '\u2034': {"'''"}, '\u2037': {"'''"},

	// Dashes.
	'\u00AF': {"-"}, '\u2010': {"-"}, '\u2011': {"-"}, '\u2012': {"-"}, '\u2013': {"-"}, '\u2014': {"-"}, '\u2015': {"-"},
	'\u2043': {"-"}, '\u2212': {"-"}, '\u2500': {"-"}, '\uFE58': {"-"}, '\u02D7': {"-"},

	// Points.
	'\u2026': {"..."}, '\u2025': {".."}, '\u2024': {"."}, '\u00B7': {"."}, '\u2027': {"."}, '\u22C5': {"."}, '\u2219': {"."},
	'\u2022': {"*"}, '\u2023': {"*"}, '\u25E6': {"*"}, '\u25CF': {"*"}, '\u25AA': {"*"}, '\u204E': {"*"}, '\u2217': {"*"},
	'\u2044': {"/"}, '\u2215': {"/"}, '\u00A6': {"|"}, '\u00B8': {","}, '\u02C6': {"^"}, '\u02DC': {"~"}, '\u223C': {"~"},

	// Spaces and lines.
	'\t': {" "}, '\u00A0': {" "}, '\u1680': {" "}, '\u2000': {" "}, '\u2001': {" "}, '\u2002': {" "}, '\u2003': {" "},
	'\u2004': {" "}, '\u2005': {" "}, '\u2006': {" "}, '\u2007': {" "}, '\u2008': {" "}, '\u2009': {" "}, '\u200A': {" "},
	'\u202F': {" "}, '\u205F': {" "}, '\u3000': {" "}, '\v': {"\n"}, '\f': {"\n"}, '\u0085': {"\n"}, '\u2028': {"\n"}, '\u2029': {"\n"},

	// Letters.
	'\u00C6': {"AE"}, '\u00E6': {"ae"}, '\u0152': {"OE"}, '\u0153': {"oe"}, '\u00D8': {"O"}, '\u00F8': {"o"}, '\u00D0': {"D"},
	'\u00F0': {"d"}, '\u0110': {"D"}, '\u0111': {"d"}, '\u00DE': {"TH"}, '\u00FE': {"th"}, '\u00DF': {"ss"}, '\u1E9E': {"SS"},
	'\u0126': {"H"}, '\u0127': {"h"}, '\u0131': {"i"}, '\u0138': {"k"}, '\u0141': {"L"}, '\u0142': {"l"}, '\u014A': {"N"},
	'\u014B': {"n"}, '\u0166': {"T"}, '\u0167': {"t"}, '\u018F': {"E"}, '\u0259': {"e"}, '\u0192': {"f"}, '\u00E7': {"\u00C7", "c"},
	'\u0218': {"\u015E", "S"}, '\u0219': {"\u015F", "s"}, '\u021A': {"\u0162", "T"}, '\u021B': {"\u0163", "t"},
	'\u015E': {"\u0218", "S"}, '\u015F': {"\u0219", "s"}, '\u0162': {"\u021A", "T"}, '\u0163': {"\u021B", "t"}, '\u00B5': {"\u03BC", "u"},

	// Greek.
	'\u0391': {"A"}, '\u0392': {"B"}, '\u0395': {"E"}, '\u0396': {"Z"}, '\u0397': {"H"}, '\u0399': {"I"}, '\u039A': {"K"},
	'\u039C': {"M"}, '\u039D': {"N"}, '\u039F': {"O"}, '\u03A1': {"P"}, '\u03A4': {"T"}, '\u03A5': {"Y"}, '\u03A7': {"X"},
	'\u03B1': {"\u0391", "A"}, '\u03B2': {"\u0392", "B"}, '\u03B3': {"\u0393"}, '\u03B4': {"\u0394"}, '\u03B5': {"\u0395", "E"},
	'\u03B6': {"\u0396", "Z"}, '\u03B7': {"\u0397", "H"}, '\u03B8': {"\u0398"}, '\u03B9': {"\u0399", "I"}, '\u03BA': {"\u039A", "K"},
	'\u03BB': {"\u039B"}, '\u03BC': {"\u00B5", "\u039C", "M"}, '\u03BD': {"\u039D", "N"}, '\u03BE': {"\u039E"}, '\u03BF': {"\u039F", "O"},
	'\u03C0': {"\u03A0"}, '\u03C1': {"\u03A1", "P"}, '\u03C2': {"\u03A3"}, '\u03C3': {"\u03A3"}, '\u03C4': {"\u03A4", "T"},
	'\u03C5': {"\u03A5", "Y"}, '\u03C6': {"\u03A6"}, '\u03C7': {"\u03A7", "X"}, '\u03C8': {"\u03A8"}, '\u03C9': {"\u03A9"},

	// Signs.
	'\u00A3': {"GBP"}, '\u00A5': {"JPY"}, '\u0E3F': {"THB"}, '\u20A6': {"NGN"}, '\u20A9': {"KRW"}, '\u20AA': {"ILS"},
	'\u20AB': {"VND"}, '\u20AC': {"EUR"}, '\u20B1': {"PHP"}, '\u20B4': {"UAH"}, '\u20B8': {"KZT"}, '\u20B9': {"INR"},
	'\u20BA': {"TRY"}, '\u20BC': {"AZN"}, '\u20BD': {"RUB"}, '\u20BE': {"GEL"}, '\u00A9': {"(c)"}, '\u00AE': {"(r)"}, '\u2117': {"(p)"},
	'\u00B0': {"deg"}, '\u00B1': {"+/-"}, '\u00D7': {"x"}, '\u00F7': {"/"}, '\u2190': {"<-"}, '\u2192': {"->"}, '\u2194': {"<->"},
	'\u21D0': {"<="}, '\u21D2': {"=>"}, '\u2248': {"~"}, '\u2260': {"!="}, '\u2264': {"<="}, '\u2265': {">="}, '\u00A1': {"!"},
	'\u00BF': {"?"},
}
