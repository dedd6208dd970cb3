module github.com/godwit-sms/smpp/center

go 1.26

require github.com/godwit-sms/smpp v0.0.0-00010101000000-000000000000

replace github.com/godwit-sms/smpp => ../
