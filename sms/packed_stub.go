package sms

import "github.com/godwit-sms/smpp/coding"

func gsm(cs coding.Charset) (g coding.GSM, packed, ok bool) {
	g, ok = cs.(coding.GSM)
	return g, false, ok
}
func unpacked(cs coding.Charset) coding.Charset         { return cs }
func (l *layout) wire() coding.Charset                  { return l.cs }
func (p Profile) national7(g coding.GSM) coding.Charset { return g }
