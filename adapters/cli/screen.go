package cli

import (
	"context"

	"github.com/nagare-stream/nagare/node"
)

func (a *app) showScreen(ctx context.Context, n *node.Node, stop func()) { a.showLines(ctx, n) }
