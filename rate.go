package smpp

import (
	"context"
	"sync"
	"time"

	"github.com/godwit-sms/smpp/pdu"
	"github.com/godwit-sms/smpp/tlv"
)

// A Rate is a limit on how much is sent. The zero value is none.
type Rate struct {
	PerSecond float64 // on average; zero, or less: no limit
	Burst     int     // at once, after a pause; zero: what a tenth of a second allows, at least 1
}

// A Limiter makes senders wait so that two rates are kept, one of messages and
// one of parts. Several sessions may share one by Config.Limiter. Its methods may
// be called concurrently; a nil Limiter limits nothing.
//
// A part is what a message center counts and charges: each submit_sm, data_sm,
// deliver_sm and broadcast_sm, and each destination of a submit_multi, where a
// distribution list counts as one. A message is a part too, but of the parts
// of a concatenated message (by user data header or by the sar_ TLVs) only the
// first counts as one. Other PDUs count as nothing and never wait.
type Limiter struct {
	mu       sync.Mutex
	epoch    time.Time
	messages bucket
	parts    bucket
}

// NewLimiter returns a limiter of messages and parts, or nil if neither rate is
// a limit.
func NewLimiter(messages, parts Rate) *Limiter {
	if !(messages.PerSecond > 0) && !(parts.PerSecond > 0) {
		return nil
	}
	return &Limiter{epoch: time.Now(), messages: newBucket(messages), parts: newBucket(parts)}
}

// Wait waits until body may be sent. When ctx ends first it returns its cause,
// and what the limiter had put by for body is free again.
func (l *Limiter) Wait(ctx context.Context, body pdu.Body) error { return l.wait(ctx, nil, body) }

// wait is Wait that stopped ends as well, with a nil error. What was put by is
// still taken then: it is for the caller, who cannot send, to refund it.
func (l *Limiter) wait(ctx context.Context, stopped <-chan struct{}, body pdu.Body) error {
	if l == nil {
		return nil
	}
	messages, parts := weigh(body)
	if parts == 0 {
		return nil
	}
	l.mu.Lock()
	now := time.Since(l.epoch)
	d := max(l.messages.take(now, messages), l.parts.take(now, parts))
	l.mu.Unlock()
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-stopped:
	case <-ctx.Done():
		l.refund(body)
		return context.Cause(ctx)
	}
	return nil
}

// refund returns what was taken for a body that was not sent.
func (l *Limiter) refund(body pdu.Body) {
	if l == nil {
		return
	}
	messages, parts := weigh(body)
	l.mu.Lock()
	l.messages.giveBack(messages)
	l.parts.giveBack(parts)
	l.mu.Unlock()
}

// A bucket is a rate limit as a pure function of the time: it knows when what
// was taken will have been earned. The zero value limits nothing.
type bucket struct {
	each   float64 // nanoseconds that one unit costs
	credit float64 // nanoseconds that may be owed at once
	earned float64 // when all that was taken is earned
}

func newBucket(r Rate) bucket {
	if !(r.PerSecond > 0) {
		return bucket{}
	}
	each := min(float64(time.Second)/r.PerSecond, float64(far))
	burst := float64(r.Burst)
	if r.Burst <= 0 {
		burst = max(1, float64(int(r.PerSecond/10)))
	}
	return bucket{each: each, credit: burst * each}
}

// take takes n and returns how long to wait before using them: 0 if not at all.
// What is more than a burst is waited for, never refused.
func (b *bucket) take(now time.Duration, n int) time.Duration {
	if b.each == 0 || n == 0 {
		return 0
	}
	b.earned = max(b.earned, float64(now)) + float64(n)*b.each
	return max(0, time.Duration(min(b.earned-b.credit-float64(now), float64(far))))
}

// giveBack returns what was taken and not used.
func (b *bucket) giveBack(n int) { b.earned -= float64(n) * b.each }

// weigh returns how many messages and how many parts a PDU counts as.
func weigh(body pdu.Body) (messages, parts int) {
	later := false
	parts = 1
	switch m := body.(type) {
	case *pdu.SubmitSM:
		later = m != nil && laterPart(m.ESMClass, m.ShortMessage, m.TLVs)
	case *pdu.DeliverSM:
		later = m != nil && laterPart(m.ESMClass, m.ShortMessage, m.TLVs)
	case *pdu.DataSM:
		later = m != nil && laterPart(m.ESMClass, nil, m.TLVs)
	case *pdu.SubmitMulti:
		if m != nil {
			later = laterPart(m.ESMClass, m.ShortMessage, m.TLVs)
			parts = max(1, len(m.Dests))
		}
	case *pdu.BroadcastSM:
	default:
		return 0, 0
	}
	if later {
		return 0, parts
	}
	return parts, parts
}

// laterPart reports whether a PDU is another part of a message than the first.
func laterPart(class pdu.ESMClass, text []byte, tlvs tlv.List) bool {
	if len(tlvs) > 0 {
		if n, ok := pdu.TLVSARSegmentSeqnum.Get(tlvs); ok {
			return n > 1
		}
		if payload, ok := pdu.TLVMessagePayload.Get(tlvs); ok {
			text = payload
		}
	}
	if !class.HasUDHI() || len(text) == 0 {
		return false
	}
	// 3GPP TS 23.040, section 9.2.3.24: length, then elements of id, length and
	// data; 0x00 and 0x08 tell of a concatenation, their last octet the part.
	header := text[1:min(len(text), 1+int(text[0]))]
	for len(header) >= 2 {
		id, n := header[0], int(header[1])
		if len(header) < 2+n {
			return false
		}
		if id == 0x00 && n == 3 || id == 0x08 && n == 4 {
			return header[2+n-1] > 1
		}
		header = header[2+n:]
	}
	return false
}
