package sms

import "github.com/godwit-sms/smpp/coding"

func transliterate(cs coding.Charset, text string) string { return text }
