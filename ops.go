package smpp

import (
	"context"

	"github.com/godwit-sms/smpp/pdu"
)

// Submit hands a message to the message center; see Do.
func (s *Session) Submit(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
	return Do(ctx, s, m)
}

// SubmitFunc hands a message to the message center without waiting for the
// response, which done is called with; see Go, of which it is the form that sms.Send
// looks for.
func (s *Session) SubmitFunc(ctx context.Context, m *pdu.SubmitSM, done func(*pdu.SubmitSMResp, error)) error {
	return Go(ctx, s, m, done)
}

// SubmitMulti hands a message for several destinations to the message center;
// see Do. Destinations that were refused are in the response.
func (s *Session) SubmitMulti(ctx context.Context, m *pdu.SubmitMulti) (*pdu.SubmitMultiResp, error) {
	return Do(ctx, s, m)
}

// Deliver hands a message or a receipt to an ESME; see Do.
func (s *Session) Deliver(ctx context.Context, m *pdu.DeliverSM) (*pdu.DeliverSMResp, error) {
	return Do(ctx, s, m)
}

// Data hands a message to either side; see Do.
func (s *Session) Data(ctx context.Context, m *pdu.DataSM) (*pdu.DataSMResp, error) {
	return Do(ctx, s, m)
}

// Query asks for the state of a message; see Do.
func (s *Session) Query(ctx context.Context, m *pdu.QuerySM) (*pdu.QuerySMResp, error) {
	return Do(ctx, s, m)
}

// Cancel cancels a message that waits, or several; see Do.
func (s *Session) Cancel(ctx context.Context, m *pdu.CancelSM) (*pdu.CancelSMResp, error) {
	return Do(ctx, s, m)
}

// Replace changes a message that waits; see Do.
func (s *Session) Replace(ctx context.Context, m *pdu.ReplaceSM) (*pdu.ReplaceSMResp, error) {
	return Do(ctx, s, m)
}

// Broadcast submits a cell broadcast; see Do.
func (s *Session) Broadcast(ctx context.Context, m *pdu.BroadcastSM) (*pdu.BroadcastSMResp, error) {
	return Do(ctx, s, m)
}

// QueryBroadcast asks for the state of a cell broadcast; see Do.
func (s *Session) QueryBroadcast(ctx context.Context, m *pdu.QueryBroadcastSM) (*pdu.QueryBroadcastSMResp, error) {
	return Do(ctx, s, m)
}

// CancelBroadcast cancels a cell broadcast; see Do.
func (s *Session) CancelBroadcast(ctx context.Context, m *pdu.CancelBroadcastSM) (*pdu.CancelBroadcastSMResp, error) {
	return Do(ctx, s, m)
}

// Alert tells an ESME that a mobile is available again. It has no response.
func (s *Session) Alert(ctx context.Context, m *pdu.AlertNotification) error {
	return s.Send(ctx, m)
}

// EnquireLink asks the peer whether it is alive, and waits for the answer. A
// session does so by itself when it has heard nothing for a while.
func (s *Session) EnquireLink(ctx context.Context) error {
	_, err := s.RoundTrip(ctx, &pdu.EnquireLink{})
	return err
}

// Submit hands a message to the message center; see Do.
func (c *Client) Submit(ctx context.Context, m *pdu.SubmitSM) (*pdu.SubmitSMResp, error) {
	return Do(ctx, c, m)
}

// SubmitFunc hands a message to a message center without waiting for the
// response, which done is called with; see [Client.Go], of which it is the form that
// sms.Send looks for. m must not be changed until done is called.
func (c *Client) SubmitFunc(ctx context.Context, m *pdu.SubmitSM, done func(*pdu.SubmitSMResp, error)) error {
	return c.send(ctx, m, callback[*pdu.SubmitSMResp](func(resp *pdu.SubmitSMResp, err error) {
		if resp == nil && err == nil { // the header alone
			resp = new(pdu.SubmitSMResp)
		}
		done(resp, err)
	}), async)
}

// SubmitMulti hands a message for several destinations to the message center;
// see Do. Destinations that were refused are in the response.
func (c *Client) SubmitMulti(ctx context.Context, m *pdu.SubmitMulti) (*pdu.SubmitMultiResp, error) {
	return Do(ctx, c, m)
}

// Data hands a message to either side; see Do.
func (c *Client) Data(ctx context.Context, m *pdu.DataSM) (*pdu.DataSMResp, error) {
	return Do(ctx, c, m)
}

// Query asks for the state of a message; see Do.
func (c *Client) Query(ctx context.Context, m *pdu.QuerySM) (*pdu.QuerySMResp, error) {
	return Do(ctx, c, m)
}

// Cancel cancels a message that waits, or several; see Do.
func (c *Client) Cancel(ctx context.Context, m *pdu.CancelSM) (*pdu.CancelSMResp, error) {
	return Do(ctx, c, m)
}

// Replace changes a message that waits; see Do.
func (c *Client) Replace(ctx context.Context, m *pdu.ReplaceSM) (*pdu.ReplaceSMResp, error) {
	return Do(ctx, c, m)
}

// Broadcast submits a cell broadcast; see Do.
func (c *Client) Broadcast(ctx context.Context, m *pdu.BroadcastSM) (*pdu.BroadcastSMResp, error) {
	return Do(ctx, c, m)
}

// QueryBroadcast asks for the state of a cell broadcast; see Do.
func (c *Client) QueryBroadcast(ctx context.Context, m *pdu.QueryBroadcastSM) (*pdu.QueryBroadcastSMResp, error) {
	return Do(ctx, c, m)
}

// CancelBroadcast cancels a cell broadcast; see Do.
func (c *Client) CancelBroadcast(ctx context.Context, m *pdu.CancelBroadcastSM) (*pdu.CancelBroadcastSMResp, error) {
	return Do(ctx, c, m)
}
