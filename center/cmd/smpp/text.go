package main

import (
	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/sms"
)

// textOf returns the text of a message, or false if b carries none.
func textOf(_ pdu.Header, b pdu.Body) (string, bool) {
	m, ok := sms.Profile{}.Read(b)
	if !ok || !m.Known || len(m.Octets()) == 0 {
		return "", false
	}
	return m.Text, true
}
