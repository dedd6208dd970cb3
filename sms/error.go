package sms

import "strconv"

// An Error tells which input cannot be written as a short message, and which rule it breaks.
type Error struct {
	Field string // the field, option or part of the message at fault
	Value string // its value, printed and cut to a reasonable length; may be empty
	Rule  string // what would have been right
	Err   error  // the cause, such as a *coding.EncodeError; may be nil
}

// Error names the field, the value and the rule.
func (e *Error) Error() string {
	s := "sms: " + e.Field
	if e.Value != "" {
		s += " " + e.Value
	}
	if e.Rule != "" {
		s += ": " + e.Rule
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// quote prints a string for an Error.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}
