// Package sms is the short message above the wire: text and binary content, user data headers, long messages in parts,
// and delivery receipts, in terms of the PDUs of package pdu and the character sets of package coding.
//
// [Text] reads the text of a PDU, [Profile].Compose turns text into PDUs, [Joiner] puts the parts of long messages
// together again, and [Profile].ReadReceipt tells what became of a message:
//
//	fmt.Println(sms.Text(deliver))
//
//	parts, err := sms.Profile{}.Compose(&pdu.SubmitSM{
//		Source: pdu.Alphanumeric("ACME"),
//		Dest:   pdu.International("491701234567"),
//	}, "Any length, any script", nil)
//
// [Send] composes and sends in one, over a session or a client, and tells what became of each part; a [Correlator] finds the
// message that a receipt is about:
//
//	result, err := sms.Send(ctx, session, &sms.Outgoing{Text: "Any length, any script", Template: pdu.SubmitSM{
//		Source: pdu.Alphanumeric("ACME"), Dest: pdu.International("491701234567"),
//	}})
//
// What depends on the message center at the other end is in a [Profile]: the alphabet behind data_coding 0, the time zone of
// receipts, how the message ids of receipts are written. Its zero value is right for most. There is no package-level
// setting, so that connections with different rules can live side by side.
//
// Reading never fails and never loses anything: what makes no sense is shown as well as it can be, and [UserData] has the
// octets. Writing is exact: a character that cannot be written, a text that is too long or fields that exclude each
// other are an error that says so.
//
// GSM 7-bit text is unpacked, one septet per octet, as SMPP carries it, unless a Profile says otherwise; sizes are counted
// in septets all the same, so that 160 characters are one message. [Profile].Estimate tells them before anything is sent,
// and [ParseAddress] makes addresses of what people write.
package sms
