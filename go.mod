module github.com/godwit-sms/smpp

go 1.26.0

require golang.org/x/text v0.41.0
