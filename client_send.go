package smpp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-sms/smpp/pdu"
)

// RoundTrip sends a request on one of the sessions and waits for its response;
// see Session.RoundTrip. It waits for a session to be bound and for a place in a
// window, until ctx ends, and sends again what was refused for the moment: see
// Retry. The error is then the last refusal, joined with the context's error if
// that ended the attempts.
func (c *Client) RoundTrip(ctx context.Context, req pdu.Body) (pdu.Body, error) {
	n := c.arrivals.Add(1)
	var t *ticket
	if c.order.held.Load() > 0 {
		if t = c.order.join(n, req); t != nil {
			defer c.order.leave(t)
			if err := c.await(ctx, t); err != nil {
				return nil, &RequestError{Command: req.Command(), Err: err}
			}
		}
	}
	body, err := c.exchange(ctx, req, blocking)
	if err == nil || !c.again(err, 1) {
		return body, err
	}
	if t == nil {
		t = c.order.hold(n, req)
		defer c.order.leave(t)
	}
	return c.retry(ctx, t, req, body, err, blocking)
}

// Send sends a PDU that has no response; see Session.Send.
func (c *Client) Send(ctx context.Context, body pdu.Body) error {
	c.arrivals.Add(1)
	for {
		s, err := c.take(ctx, body)
		if err == nil {
			err = s.Send(ctx, body)
		}
		if err == nil || s == nil || !c.elsewhere(err) {
			return err
		}
	}
}

// Go sends a request on one of the sessions and returns; done is called with
// the response, as RoundTrip would return it. Go blocks while no session is
// bound and while all windows are full, and, for a destination with requests
// that wait to be sent again, while more than Held requests wait. ctx bounds
// that, and how long a request that was refused for the moment is sent again;
// see Retry. An error means that the request was not sent and done will not be
// called. Until done is called req must not be changed, as it may be sent again;
// a request that is lent (see Borrow) has to be copied for that.
//
// done runs on the goroutine that reads the session, or on another: it must not
// block, must not wait for another response of the client, and must not panic.
func (c *Client) Go(ctx context.Context, req pdu.Body, done func(pdu.Body, error)) error {
	return c.send(ctx, req, untyped(done), async)
}

func (c *Client) send(ctx context.Context, req pdu.Body, call completer, m manner) error {
	n := c.arrivals.Add(1)
	if c.order.held.Load() > 0 && c.order.busy(req) {
		return c.sendHeld(ctx, n, req, call, m)
	}
	a := &typedCall{asyncCall{c, ctx, n, req, call}}
	call = a
	if m == async {
		call = &a.asyncCall
	}
	for {
		s, err := c.take(ctx, req)
		if err != nil {
			return err
		}
		if _, err = s.submit(ctx, req, call, false); err == nil || !c.elsewhere(err) {
			return err
		}
	}
}

// sendHeld is send behind requests that are to be sent again.
func (c *Client) sendHeld(ctx context.Context, n uint64, req pdu.Body, call completer, m manner) error {
	refuse := func(err error) error { return &RequestError{Command: req.Command(), Err: err} }
	if err := ctx.Err(); err != nil {
		return refuse(context.Cause(ctx))
	}
	select {
	case c.held <- struct{}{}:
	case <-ctx.Done():
		return refuse(context.Cause(ctx))
	case <-c.ctx.Done():
		return refuse(c.ended())
	}
	if !c.begin() {
		<-c.held
		return refuse(c.ended())
	}
	t := c.order.hold(n, req)
	go func() {
		defer c.finish()
		var body pdu.Body
		err := c.await(ctx, t)
		if err != nil {
			err = refuse(err)
		} else if body, err = c.exchange(ctx, req, m); err != nil && c.again(err, 1) {
			body, err = c.retry(ctx, t, req, body, err, m)
		}
		<-c.held
		c.complete(t, call, req.Command(), body, err)
	}()
	return nil
}

// complete tells of a request that was held.
func (c *Client) complete(t *ticket, call completer, id pdu.CommandID, body pdu.Body, err error) {
	c.order.leave(t)
	call.complete(pdu.Header{Command: id.Response()}, body, err)
}

// A manner says how a request is waited for.
type manner uint8

const (
	blocking   manner = iota // by RoundTrip
	async                    // by Go: the end of the context does not end the wait for the response
	asyncTyped               // so, and an empty response is a body
)

// An asyncCall is a request of Go on its way for the first time.
type asyncCall struct {
	client *Client
	ctx    context.Context
	n      uint64
	req    pdu.Body
	call   completer
}

// A typedCall is one that gets an empty body rather than none.
type typedCall struct{ asyncCall }

func (a *typedCall) wantsBody() {}

func (a *typedCall) complete(h pdu.Header, body pdu.Body, err error) {
	a.done(h, body, err, asyncTyped)
}

func (a *asyncCall) complete(h pdu.Header, body pdu.Body, err error) { a.done(h, body, err, async) }

func (a *asyncCall) done(h pdu.Header, body pdu.Body, err error, m manner) {
	c := a.client
	if err == nil || !c.again(err, 1) || !c.begin() {
		a.call.complete(h, body, err)
		return
	}
	t := c.order.hold(a.n, a.req) // now, so that what comes later is behind it
	go func() {
		defer c.finish()
		body, err := c.retry(a.ctx, t, a.req, body, err, m)
		c.complete(t, a.call, a.req.Command(), body, err)
	}()
}

// again reports whether a request that failed at its n-th attempt is to be sent
// again.
func (c *Client) again(err error, n int) bool {
	if c.Attempts > 0 && n >= c.Attempts {
		return false
	}
	var refused *ResponseError
	if !errors.As(err, &refused) || c.ctx.Err() != nil {
		return false
	}
	if c.Retry != nil {
		return c.Retry(refused)
	}
	return refused.Status == pdu.StatusThrottled || refused.Status == pdu.StatusQueueFull
}

// retry sends a request that was refused once until it is not refused any more.
func (c *Client) retry(ctx context.Context, t *ticket, req, body pdu.Body, refusal error, m manner) (pdu.Body, error) {
	for n := 1; ; n++ {
		err := c.pause(ctx, n)
		if err == nil {
			err = c.await(ctx, t)
		}
		if err == nil {
			var answer pdu.Body
			if answer, err = c.exchange(ctx, req, m); Outcome(err) != NeverSent {
				c.retried.Add(1)
				if err == nil || !c.again(err, n+1) {
					return answer, err
				}
				body, refusal = answer, err
				continue
			}
		}
		// What is known of it is that it was refused, not that it was never sent.
		var last *RequestError
		switch {
		case errors.Is(err, ErrGaveUp):
			err = ErrGaveUp // without the errors of binds
		case errors.As(err, &last):
			err = last.Err
		}
		return body, fmt.Errorf("%w (sent %d times, then: %w)", refusal, n, err)
	}
}

// pause waits before the next attempt after n.
func (c *Client) pause(ctx context.Context, n int) error {
	limit := backoff(n, orElse(max(c.RetryBackoff, 0), DefaultRetryBackoff), orElse(max(c.MaxRetryBackoff, 0), DefaultMaxRetryBackoff))
	t := time.NewTimer(jitter(limit/2, limit))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.ctx.Done():
		return c.ended()
	}
}

// exchange sends a request once and waits for its response.
func (c *Client) exchange(ctx context.Context, req pdu.Body, m manner) (body pdu.Body, err error) {
	for {
		s, err := c.take(ctx, req)
		if err != nil {
			return nil, err
		}
		if m == blocking {
			body, err = s.RoundTrip(ctx, req)
		} else {
			body, err = s.roundTripAsync(ctx, req, m)
		}
		if err == nil || !c.elsewhere(err) {
			return body, err
		}
	}
}

// roundTripAsync is RoundTrip whose context counts until the request is sent.
func (s *Session) roundTripAsync(ctx context.Context, req pdu.Body, m manner) (pdu.Body, error) {
	a := &typedWait{call{done: make(chan bool, 1)}}
	var c completer = a
	if m == async {
		c = &a.call
	}
	if _, err := s.submit(ctx, req, c, true); err != nil {
		return nil, err
	}
	<-a.done
	return a.body, a.err
}

// A typedWait is a call that gets an empty body rather than none.
type typedWait struct{ call }

func (*typedWait) wantsBody() {}

// elsewhere reports whether a request was not sent for a reason that lies with
// its session, so that another may do. If not, the room that its sender was woken
// for is for the next one.
func (c *Client) elsewhere(err error) bool {
	var e *RequestError
	if !errors.As(err, &e) || e.Sent {
		return false
	}
	if errors.Is(e.Err, errFull) {
		return true // others were faster
	}
	var ended *SessionError
	var state *StateError
	if errors.As(e.Err, &ended) || errors.As(e.Err, &state) {
		c.moved.Add(1)
		return true
	}
	c.queue.wake(1)
	return false
}

// take returns the session for a request.
func (c *Client) take(ctx context.Context, req pdu.Body) (*Session, error) {
	s, err := c.session(ctx, req.Command())
	if err != nil {
		return nil, &RequestError{Command: req.Command(), Err: err}
	}
	return s, nil
}
