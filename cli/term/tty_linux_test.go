package term

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"coterie/internal/testenv"
)

// pty opens a pseudo-terminal: what a user's terminal program holds, and the
// tty that a process gets.
func pty(t *testing.T, columns, rows uint16) (user, tty *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	testenv.Need(t, err == nil, fmt.Sprint("no pseudo-terminals here: ", err))
	fd := int(user.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows})
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		user.Close()
		testenv.Need(t, false, fmt.Sprint("no pseudo-terminals here: ", err))
	}
	return user, tty
}

func TestTTY(t *testing.T) {
	user, dev := pty(t, 132, 43)
	before, err := unix.IoctlGetTermios(int(dev.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := OpenTTY(dev, dev)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := unix.IoctlGetTermios(int(dev.Fd()), unix.TCGETS)
	if raw.Lflag&(unix.ISIG|unix.ICANON|unix.ECHO) != 0 {
		t.Error("the tty is not raw: Ctrl-Z would stop the process")
	}
	if c, r := tty.Size(); c != 132 || r != 43 {
		t.Errorf("size %d %d", c, r)
	}
	term := tty.Terminal(false)
	io.WriteString(user, "exit\x1a")
	l, err := term.ReadLine(context.Background(), "R2(config)#", Options{EchoControl: true})
	if l.Text != "exit" || !l.End || err != nil {
		t.Errorf("line %+v %v", l, err)
	}
	b := make([]byte, len("R2(config)#exit^Z\r\n"))
	if _, err := io.ReadFull(user, b); err != nil || string(b) != "R2(config)#exit^Z\r\n" {
		t.Errorf("screen %q %v", b, err)
	}
	term.Close()
	if err := tty.Restore(); err != nil {
		t.Error(err)
	}
	after, _ := unix.IoctlGetTermios(int(dev.Fd()), unix.TCGETS)
	if *after != *before {
		t.Error("the tty is not as it was")
	}
	user.Close() // ends the read that is under way
	dev.Close()
	r, w, _ := os.Pipe()
	if _, err := OpenTTY(r, w); err != ErrNotTTY {
		t.Errorf("a pipe: %v", err)
	}
	r.Close()
	w.Close()
}
