package appliance

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"coterie/cli"
	"coterie/cli/sshd/sshtest"
)

// anybody may log in, and fast: there are other tests of passwords.
type anybody struct{}

func (anybody) CanLogin() bool { return true }
func (anybody) Authenticate(_ context.Context, k cli.Credentials) (cli.Login, error) {
	return cli.Login{User: k.User, Level: 15}, nil
}

// Two hundred sessions that configure, ask and page, each dropped at some
// point: no session, no line, no goroutine and no descriptor stays.
func TestDroppedSessions(t *testing.T) {
	present := goleak.IgnoreCurrent()
	before := sshtest.Descriptors(t)
	t.Run("sessions", func(t *testing.T) {
		d := serveSSHTo(t, device(t, "hostname KS1\nline vty 5 15\n login local\n"), anybody{})
		address := d.await(t)
		const half = "configure terminal\rinterface Loopback7\rdescription dropped\rdo show users\rend\rcopy running-config startup-config\r\rshow lo?\t\x15show running-config\r"
		random := rand.New(rand.NewPCG(3, 4))
		slots := make(chan struct{}, 8)
		var work sync.WaitGroup
		for range 200 {
			after := random.IntN(6000)
			slots <- struct{}{}
			work.Go(func() {
				defer func() { <-slots }()
				sshtest.Call{
					Address: address, User: "quick", Password: "quick-password", Octets: int64(after),
					Typed: "terminal length 0\r" + strings.Repeat(half, 20) + "terminal length 5\rshow running-config\r",
				}.Drop()
			})
		}
		work.Wait()
		deadline := time.Now().Add(20 * time.Second)
		for len(d.Sessions()) > 0 && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond) // until the server has noticed the last
		}
		if left := d.Sessions(); len(left) > 0 {
			t.Errorf("sessions %+v", left)
		}
		shell(t, dial(t, address, "quick", "quick-password")).await("KS1#")
	})
	goleak.VerifyNone(t, present)
	if after := sshtest.Descriptors(t); after > before+2 { // the runtime's own poller
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
