package embed
import ("testing";"context";"time";"github.com/spatialgo/spatialgo/internal/progress")
func TestTmp(t *testing.T){ x,_:=mixture(1,5000,2000,8,0.3); s:=time.Now(); PCA(context.Background(),x,PCAOptions{Progress:func(e progress.Event){ t.Log(e.Done,time.Since(s)) }}); t.Log(time.Since(s)) }
