package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/a-h/templ"
)

const (
	// MaxPageBytes bounds a page, whatever it shows.
	MaxPageBytes = 6 << 20
	// maxPartBytes bounds one part of it: the frame and the other parts need the rest.
	maxPartBytes = 5500 << 10
	// MaxDrawTime bounds how long a page may be drawn. A page within its bounds takes a tenth of it; a busy machine may need more.
	MaxDrawTime = 3 * time.Second
)

// ErrTooLarge says that a page does not fit into its bounds.
var ErrTooLarge = errors.New("page is too large")

// PageBuffer takes what is drawn, up to a bound, for as long as somebody waits for it. Writing more is ErrTooLarge, and writing later is the error
// of the context: templates stop there.
type PageBuffer struct {
	bytes.Buffer
	ctx context.Context //nolint:containedctx // it lives as long as one drawing, which io.Writer gives no other way to end
	max int
}

// Write is that of an io.Writer.
func (b *PageBuffer) Write(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if len(p) > b.max-b.Len() {
		return 0, ErrTooLarge
	}
	return b.Buffer.Write(p)
}

// WriteString is Write without a copy.
func (b *PageBuffer) WriteString(s string) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if len(s) > b.max-b.Len() {
		return 0, ErrTooLarge
	}
	return b.Buffer.WriteString(s)
}

// Draw renders a component within the bounds of a page, and no longer than ctx lasts. ErrTooLarge when it does not fit or takes too long.
func Draw(ctx context.Context, c templ.Component) (*PageBuffer, error) {
	return draw(ctx, c, MaxPageBytes, MaxDrawTime)
}

func draw(ctx context.Context, c templ.Component, most int, within time.Duration) (*PageBuffer, error) {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	b := &PageBuffer{ctx: limited, max: most}
	switch err := c.Render(limited, b); {
	case err == nil:
		return b, nil
	case ctx.Err() != nil: // nobody waits any more
		return nil, ctx.Err()
	case limited.Err() != nil, errors.Is(err, ErrTooLarge):
		return nil, ErrTooLarge
	default:
		return nil, err
	}
}

// Bounded is a part whose size others decide, such as a stored body. Where it does not fit into a page, the page says so, and where the whole can be
// downloaded; href may be empty.
func Bounded(part templ.Component, href string) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		drawn, err := draw(ctx, part, maxPartBytes, MaxDrawTime*2/3)
		if errors.Is(err, ErrTooLarge) && ctx.Err() == nil {
			return TooLarge(href).Render(ctx, w)
		}
		if err != nil {
			return err
		}
		_, err = w.Write(drawn.Bytes())
		return err
	})
}
