package lab

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

//go:embed topologies
var embedded embed.FS

// defaultName is the lab that runs when none is named.
const defaultName = "basic"

// Embedded lists the labs that come with the program.
func Embedded() []string {
	entries, _ := fs.ReadDir(embedded, "topologies") // it is part of the program
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Find loads an embedded lab by name, or a directory by path.
func Find(name string) (*Topology, error) {
	if name == "" {
		name = defaultName
	}
	for _, n := range Embedded() {
		if n == name {
			sub, err := fs.Sub(embedded, "topologies/"+name)
			if err != nil {
				return nil, err
			}
			return Load(sub)
		}
	}
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%q is neither a lab (%s) nor a directory", name, strings.Join(Embedded(), ", "))
	}
	t, err := Load(os.DirFS(name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if t.Name == "" {
		t.Name = name
	}
	return t, nil
}
