// A module of its own, so that users of the library do not depend on
// golang.org/x/net.
module github.com/godwit-sms/smpp/examples/socks5

go 1.26.0

require (
	github.com/godwit-sms/smpp v0.0.0
	golang.org/x/net v0.55.0
)

require golang.org/x/text v0.41.0 // indirect

replace github.com/godwit-sms/smpp => ../..
