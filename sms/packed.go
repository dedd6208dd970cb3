package sms

import "github.com/godwit-sms/smpp/coding"

// gsm returns the GSM alphabet of a character set, and whether its septets are packed. ok is false for any other.
func gsm(cs coding.Charset) (g coding.GSM, packed, ok bool) {
	switch cs := cs.(type) {
	case coding.GSM:
		return cs, false, true
	case coding.Packed:
		return cs.Alphabet, true, true
	}
	return 0, false, false
}

// unpacked returns the character set whose units are counted: septets, where they are packed on the wire.
func unpacked(cs coding.Charset) coding.Charset {
	if g, _, ok := gsm(cs); ok {
		return g
	}
	return cs
}

// behind returns the character set of text behind a header, which decides about the fill bits of packed text.
func behind(cs coding.Charset, header int) coding.Charset {
	if p, ok := cs.(coding.Packed); ok {
		p.Header = header
		return p
	}
	return cs
}

// likePacked returns g, packed if cs is.
func likePacked(cs coding.Charset, g coding.GSM) coding.Charset {
	if _, packed, _ := gsm(cs); packed {
		return coding.Packed{Alphabet: g}
	}
	return g
}
