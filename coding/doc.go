// Package coding holds the character sets of short messages and the data_coding values that announce them.
//
// A [Charset] turns text into the octets of short_message or message_payload and back. [GSM7], [ASCII], [Latin1],
// [Binary], [UTF16], [ISO8859_5] and [ISO8859_8] are constants, [National] gives the GSM alphabets of thirteen
// languages, and [FromEncoding] makes a Charset of any encoding of golang.org/x/text. There is no default that a
// program could change: what stands behind data_coding 0 is a parameter of [ForDataCoding].
//
// Two promises hold for every character set defined here. Encoding never replaces a character: what cannot be written is
// an [*EncodeError] that names it. Decoding never fails: octets that mean nothing become U+FFFD, and the caller
// still has the octets.
//
// GSM text is unpacked here, one septet per octet, as SMPP carries it.
//
// Everything in this package may be used by several goroutines at once. Where a function takes a Charset, nil
// means [GSM7].
package coding
