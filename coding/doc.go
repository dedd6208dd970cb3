// Package coding holds the character sets of short messages and the data_coding values that announce them.
//
// A [Charset] turns text into the octets of short_message or message_payload and back. All that SMPP and GSM name are
// constants:
//
//   - [GSM7], and of [National] the alphabets of thirteen more languages, one septet an octet; [Packed] for those
//     message centers that want eight septets in seven octets
//   - [UTF16], which the specifications call UCS2
//   - [ASCII], [Latin1], [ISO8859_5], [ISO8859_8]
//   - [JISX0208], [ShiftJIS], [ISO2022JP], [JISX0212], [EUCKR]
//   - [Binary] for what is no text
//
// [FromEncoding] makes a Charset of any other encoding of golang.org/x/text, and [Encoding] one of golang.org/x/text of
// a Charset.
//
// To send, [Choose] the cheapest character set that carries a text, perhaps after [Transliterate], and announce it with
// [DataCodingOf]. To receive, ask [ForDataCoding] what a data_coding means. Package sms does both for whole messages.
//
// SMPP and GSM read data_coding differently below 0x10: 3 is Latin 1 to the one and GSM 7-bit to the other.
// [ForDataCoding] is the reading of SMPP, [ParseGSM] that of GSM. What stands behind data_coding 0 is agreed upon with
// each message center and hence a parameter; there is no default that a program could change.
//
// Two promises hold for every character set defined here. Encoding never replaces a character: what cannot be written is
// an [*EncodeError] that names it. Decoding never fails: octets that mean nothing become U+FFFD, and the caller
// still has the octets.
//
// Everything in this package may be used by several goroutines at once. Where a function takes a Charset, nil
// means [GSM7].
package coding
