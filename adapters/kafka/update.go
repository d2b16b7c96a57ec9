package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/engine"
)

// Update sends rows of open windows, in the transaction of the rows around them where the cluster can.
// They have no numbers: what an error leaves open is sent again, before the final row.
func (s *Sink) Update(ctx context.Context, out *engine.Rows) error {
	if err := s.begin(ctx); err != nil {
		return s.fail(err)
	}
	list := make([]kgo.Record, out.Len())
	for i := range list {
		if err := s.fill(ctx, &list[i], out, i); err != nil {
			return s.fail(err)
		}
		list[i].Headers = nil
	}
	if s.marks != nil && !s.begun {
		if err := s.kc.BeginTransaction(); err != nil {
			return s.fail(err)
		}
		s.begun = true
	}
	for i := range list {
		s.kc.Produce(ctx, &list[i], s.sent.answer)
	}
	return nil
}
