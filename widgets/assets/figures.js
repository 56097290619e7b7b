// Draws SpatialGo figures: maps of values over a tissue's picture, and plots.
//
// A figure's cell pushes its specification (plain data, made by package
// widgets) onto window[KEY].queue and carries an element with the attribute
// data-sgo="<key>" that holds the still picture. This file finds the element
// and puts the living figure in the picture's place. Rules kept throughout:
//   - text from data reaches the page only as textContent or canvas text,
//     never as HTML, code, selector or format string;
//   - elements are found by attribute, not id, so that several notebooks can
//     share one page;
//   - each control carries data-lm-suppress-shortcuts itself, else
//     JupyterLab's shortcuts take its keys.
// KEY and SCALES are set in front of this file by package widgets.
(function (win, KEY, SCALES) {
  "use strict";

  var g = win[KEY] || (win[KEY] = { queue: [] });
  if (g.draw) return;

  var doc = win.document;
  var INK = "#1f2933", MUTED = "#61707f", LINE = "#dfe4ea", GREY = "#bfc5cc", RINGINK = "#3f4a55", ACCENT = "#2f6fb0";
  var FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif";
  var RING = 257; // the level of spots that are empty rings
  var echarts = null;
  var live = [];    // shells with a chart
  var pending = []; // specifications whose element is not there yet
  var counter = 0;

  // ---------------------------------------------------------------- elements

  function el(tag, cls, parent, text) {
    var e = doc.createElement(tag);
    if (cls) e.className = cls;
    if (text !== undefined) e.textContent = text;
    if (parent) parent.appendChild(e);
    return e;
  }

  // name adds text from data, isolated from the direction of its neighbours.
  function name(parent, text, cls) {
    return el("bdi", cls || "", parent, text);
  }

  // isolate does for canvas text what <bdi> does for elements.
  function isolate(s) { return "\u2068" + s + "\u2069"; }

  function control(tag, cls, parent, label) {
    var e = el(tag, cls, parent);
    e.setAttribute("data-lm-suppress-shortcuts", "true");
    if (label) { e.setAttribute("aria-label", label); e.title = label; }
    if (tag === "button") e.type = "button";
    return e;
  }

  function slider(parent, label, min, max, step, value, change) {
    var box = el("label", "sgo-field", parent);
    el("span", "", box, label);
    var r = control("input", "sgo-range", box, label);
    r.type = "range"; r.min = min; r.max = max; r.step = step; r.value = value;
    r.addEventListener("input", function () { change(+r.value); });
    return r;
  }

  function checkbox(parent, label, value, change) {
    var box = el("label", "sgo-field sgo-check", parent);
    var c = control("input", "", box, label);
    c.type = "checkbox"; c.checked = value;
    el("span", "", box, label);
    c.addEventListener("change", function () { change(c.checked); });
    return c;
  }

  function button(parent, text, label, click, cls) {
    var b = control("button", "sgo-button " + (cls || ""), parent, label);
    b.textContent = text;
    b.addEventListener("click", click);
    return b;
  }

  // ----------------------------------------------------------------- numbers

  function decimals(range) {
    if (!(range > 0)) return 2;
    return Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(range / 2))));
  }

  function number(v, dec) {
    if (v === null || v === undefined || !isFinite(v)) return "\u2013";
    var a = Math.abs(v), s;
    if (a !== 0 && (a >= 1e7 || a < 1e-4 && dec < 5)) s = a.toExponential(2);
    else s = a.toLocaleString("en-US", { minimumFractionDigits: dec, maximumFractionDigits: dec });
    return (v < 0 && Number(s.replace(/,/g, "")) !== 0 ? "\u2212" : "") + s;
  }

  // ticks returns round numbers within [lo, hi], at most n + 1 of them.
  function ticks(lo, hi, n) {
    var raw = (hi - lo) / n;
    if (!(raw > 0)) return [lo];
    var p = Math.pow(10, Math.floor(Math.log10(raw))), f = raw / p;
    var step = p * (f <= 1 ? 1 : f <= 2 ? 2 : f <= 5 ? 5 : 10);
    var out = [];
    for (var k = Math.ceil(lo / step - 1e-9); k * step <= hi + 1e-9 * step; k++) out.push(k * step);
    out.step = step;
    return out;
  }

  function bytes(base64) {
    var s = atob(base64), b = new Uint8Array(s.length);
    for (var i = 0; i < s.length; i++) b[i] = s.charCodeAt(i);
    return b;
  }

  // ------------------------------------------------------------------ colour

  var tables = {};

  // table returns the 256 CSS colours of a scale.
  function table(scale) {
    if (tables[scale]) return tables[scale];
    var hex = SCALES[scale], n = hex.length / 6 - 1, out = [];
    var at = function (k, c) { return parseInt(hex.substr(6 * k + 2 * c, 2), 16); };
    for (var i = 0; i < 256; i++) {
      var p = i * n / 255, k = Math.min(n - 1, Math.floor(p)), f = p - k, rgb = [];
      for (var c = 0; c < 3; c++) rgb.push(Math.round(at(k, c) * (1 - f) + at(k + 1, c) * f));
      out.push("rgb(" + rgb.join(",") + ")");
    }
    return tables[scale] = out;
  }

  function gradient(scale) {
    var t = table(scale), stops = [];
    for (var i = 0; i <= 16; i++) stops.push({ offset: i / 16, color: t[Math.round(255 * (1 - i / 16))] });
    return { type: "linear", x: 0, y: 0, x2: 0, y2: 1, colorStops: stops };
  }

  // ------------------------------------------------------------------- shell

  // Shell is what all figures share: heading, drawing area, caption, tooltip,
  // resizing, the button that saves a picture.
  function Shell(root, spec, owner) {
    this.root = root;
    this.spec = spec;
    this.owner = owner; // the Maps or Plot
    this.id = ++counter;
    this.still = root.querySelector(".sgo-still");
    this.caption = root.querySelector(".sgo-caption");
    var hint = root.querySelector(".sgo-hint");
    if (hint) hint.remove();
    this.live = el("div", "sgo-live");
    root.insertBefore(this.live, this.caption);
    this.head = el("div", "sgo-head", this.live);
    this.title = el("div", "sgo-title", this.head);
    this.subtitle = el("div", "sgo-subtitle", this.head);
    this.tools = el("div", "sgo-tools", this.live);
    this.stage = el("div", "sgo-stage", this.live);
    this.box = el("div", "sgo-chart", this.stage);
    this.box.setAttribute("role", "img");
    this.box.setAttribute("aria-label", spec.alt || "");
    this.tip = el("div", "sgo-tip", this.stage);
    this.foot = el("div", "sgo-foot", this.live);
    this.heading(spec.title, spec.subtitle);
    var self = this;
    button(this.live, "Save PNG", "save this figure as a PNG file", function () { self.save(); }, "sgo-quiet");
  }

  Shell.prototype.heading = function (title, subtitle) {
    this.title.textContent = ""; this.subtitle.textContent = "";
    // A title is a list of parts; each is isolated from the others.
    (title || []).forEach(function (t, i) { name(this.title, t, i ? "sgo-minor" : ""); }, this);
    (subtitle || []).forEach(function (t) { name(this.subtitle, t); }, this);
    this.titles = { title: title || [], subtitle: subtitle || [] };
    this.subtitle.style.display = this.titles.subtitle.length ? "" : "none";
  };

  Shell.prototype.start = function (option, size) {
    var self = this;
    this.option = option;
    this.size = size; // function(width) -> height; lays out the option's grids
    this.open();
    this.still.style.display = "none";
    this.observer = new ResizeObserver(function () { self.fit(); });
    this.observer.observe(this.stage);
  };

  // open makes the chart; close frees it while its element is off the page.
  Shell.prototype.open = function () {
    var w = this.stage.clientWidth;
    if (this.chart || w <= 0) return;
    this.width = w;
    this.box.style.height = this.size(w) + "px";
    live.push(this);
    g.figures[this.id] = this.owner;
    this.chart = echarts.init(this.box, null, { renderer: "canvas", width: w, height: this.box.clientHeight });
    this.chart.setOption(this.option);
    if (this.opened) this.opened();
  };

  Shell.prototype.close = function () {
    if (this.chart) { this.chart.dispose(); this.chart = null; }
    live = live.filter(function (f) { return f !== this; }, this);
    delete g.figures[this.id];
  };

  Shell.prototype.fit = function () {
    var w = this.stage.clientWidth;
    if (w <= 0) return;
    if (!this.chart) { this.open(); return; }
    if (w === this.width) return;
    this.relayout();
  };

  Shell.prototype.relayout = function () {
    if (!this.chart) return;
    this.width = this.stage.clientWidth;
    var h = this.size(this.width);
    this.box.style.height = h + "px";
    this.chart.resize({ width: this.width, height: h });
    this.chart.setOption({ grid: this.option.grid, xAxis: this.option.xAxis, yAxis: this.option.yAxis });
    if (this.redraw) this.redraw();
  };

  // point shows the tooltip at (x, y) of the drawing area; fill adds to it.
  Shell.prototype.point = function (x, y, fill) {
    var t = this.tip;
    t.textContent = "";
    fill(t);
    t.style.display = "block";
    var w = t.offsetWidth, h = t.offsetHeight;
    t.style.left = Math.max(0, x + 16 + w > this.width ? x - w - 14 : x + 16) + "px";
    t.style.top = Math.max(0, y + 16 + h > this.box.clientHeight ? y - h - 12 : y + 16) + "px";
  };

  Shell.prototype.unpoint = function () { this.tip.style.display = "none"; };

  // save writes heading and drawing into one picture and offers it.
  Shell.prototype.save = function () {
    var k = 2, c = this.chart.renderToCanvas({ pixelRatio: k, backgroundColor: "#fff" });
    var top = this.titles.subtitle.length ? 52 : 34;
    var out = el("canvas"), x = out.getContext("2d");
    out.width = c.width; out.height = c.height + top * k;
    x.fillStyle = "#fff"; x.fillRect(0, 0, out.width, out.height);
    x.scale(k, k);
    x.fillStyle = INK; x.font = "600 16px " + FONT;
    x.fillText(this.titles.title.map(isolate).join("  "), 8, 22, this.width - 16);
    x.fillStyle = MUTED; x.font = "13px " + FONT;
    x.fillText(this.titles.subtitle.map(isolate).join(" \u00b7 "), 8, 42, this.width - 16);
    x.setTransform(1, 0, 0, 1, 0, 0);
    x.drawImage(c, 0, top * k);
    var a = el("a");
    a.href = out.toDataURL("image/png");
    a.download = (this.titles.title.join(" ").replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 80) || "figure") + ".png";
    doc.body.appendChild(a); a.click(); a.remove();
  };

  // -------------------------------------------------------------------- maps

  // Maps draws one or more maps of the same spots side by side. The spots of
  // one colour are one path, so that thousands of them redraw at once.
  function Maps(root, spec) {
    var s = this.shell = new Shell(root, spec, this);
    var self = this;
    // Each slide has spots, picture and genes of its own; all else is shared.
    this.slides = [spec].concat((spec.more || []).map(function (m) { return Object.assign({}, spec, m); }));
    this.state = {
      gene: 0, scale: spec.colors, spots: spec.spotOpacity, size: spec.spotScale,
      picture: spec.pictureOpacity, own: spec.ownScale, grey: spec.grey
    };
    this.option = this.prepare(spec.option);
    s.redraw = function () { self.redraw(); };
    s.opened = function () { self.listen(); };
    this.take(0);
    this.controls();
    this.pick(0, true);
    s.start(this.option, function (w) { return self.layout(w); });
  }

  // take makes slide k the one that is drawn.
  Maps.prototype.take = function (k) {
    var spec = this.spec = this.slides[k], self = this;
    this.x = new Float32Array(bytes(spec.x).buffer);
    this.y = new Float32Array(bytes(spec.y).buffer);
    this.n = this.x.length;
    this.panels = spec.panels.map(function () {
      return { order: new Uint32Array(self.n), start: new Uint32Array(259), value: new Float32Array(self.n) };
    });
    this.option.xAxis.forEach(function (a) { a.min = spec.box[0]; a.max = spec.box[2]; });
    this.option.yAxis.forEach(function (a) { a.min = spec.box[1]; a.max = spec.box[3]; });
    if (spec.picture) {
      this.image = new Image();
      this.image.onload = function () { self.redraw(); };
      this.image.src = spec.picture.src;
    }
  };

  // prepare adds to the option what JSON cannot say: functions, and fields
  // that depend on the width.
  Maps.prototype.prepare = function (option) {
    var self = this, per = 3;
    option.series.forEach(function (s, i) {
      var panel = Math.floor(i / per), part = i % per;
      s.renderItem = [
        function (params, api) { return self.drawPicture(panel, api); },
        function (params, api) { return self.drawSpots(panel, params.dataIndex, api); },
        function (params, api) { return self.drawFrame(panel, api); }
      ][part];
      s.clip = part < 2;
      s.silent = true;
      s.z = 2 + part;
    });
    option.dataZoom.forEach(function (z) {
      z.zoomOnMouseWheel = "ctrl";
      z.moveOnMouseWheel = false;
      z.minSpan = 2;
    });
    return option;
  };

  Maps.prototype.layout = function (w) {
    var spec = this.spec, b = spec.box, n = spec.panels.length;
    var aspect = (b[3] - b[1]) / (b[2] - b[0]);
    var cols = n > 1 && w < 600 ? 1 : n === 4 ? (w < 900 ? 2 : 4) : Math.min(n, 3), rows = Math.ceil(n / cols);
    var bar = spec.categories ? 168 : 84, gap = 14, top = n > 1 ? 26 : 6, pad = 4;
    var bars = this.state.own || spec.mixed || cols === 1 ? cols : 1;
    var pw = Math.max(60, (w - 2 * pad - bars * bar - (cols - 1) * gap) / cols), ph = pw * aspect;
    var limit = 620;
    if (ph > limit) { ph = limit; pw = ph / aspect; }
    var cell = pw + gap + (bars === cols ? bar : 0);
    var left = pad;
    this.bars = [];
    for (var i = 0; i < n; i++) {
      var grid = this.option.grid[i];
      grid.left = left + (i % cols) * cell;
      grid.top = top + Math.floor(i / cols) * (ph + top + 10);
      grid.width = pw; grid.height = ph;
      this.bars.push(bars === cols || i % cols === cols - 1 || i === n - 1);
    }
    return Math.round(rows * (ph + top + 10));
  };

  // pick shows gene i.
  Maps.prototype.pick = function (i, first) {
    var spec = this.spec, gene = spec.genes[i], self = this;
    this.state.gene = i;
    this.measured = gene.measured ? bytes(gene.measured) : null;
    this.hidden = gene.hidden ? bytes(gene.hidden) : null;
    spec.panels.forEach(function (p, k) {
      // p.of: the measured ones of that panel's values.
      var col = gene.columns[k], wide = col.bits === 16, raw = bytes((p.of ? gene.columns[p.of] : col).codes);
      var codes = wide ? new Uint16Array(raw.buffer) : raw, none = wide ? 65535 : 255;
      var v = self.panels[k].value, step = (col.max - col.min) / (none - 1);
      for (var j = 0; j < self.n; j++) v[j] = codes[j] === none || p.of && !self.isMeasured(j) ? NaN : col.min + codes[j] * step;
      self.panels[k].column = col;
    });
    this.shell.heading(gene.title, gene.subtitle);
    if (!first) this.repaint();
    else this.levels();
  };

  Maps.prototype.isMeasured = function (j) {
    return !this.measured || (this.measured[j >> 3] >> (j & 7) & 1) === 1;
  };

  Maps.prototype.isHidden = function (j) {
    return this.hidden !== null && (this.hidden[j >> 3] >> (j & 7) & 1) === 1;
  };

  Maps.prototype.limits = function (panel) {
    var c = this.spec.genes[this.state.gene].columns[panel];
    return this.state.own ? c.limits : c.shared;
  };

  // greys says what grey spots of a panel are; "" = it has none.
  Maps.prototype.greys = function (panel) {
    var p = this.spec.panels[panel];
    if (p.raw && this.spec.hasMask && this.state.grey) return "not measured";
    return this.spec.categories ? "" : p.none || "";
  };

  // scale is the colour scale of a panel.
  Maps.prototype.scale = function (panel) { return this.spec.panels[panel].colors || this.state.scale; };

  // levels sorts the spots of each panel by colour: 0 = grey, 1 + k = colour k,
  // RING = an empty ring.
  Maps.prototype.levels = function () {
    var self = this, st = this.state;
    this.panels.forEach(function (p, k) {
      var lim = self.limits(k), lo = lim[0], span = lim[1] - lim[0];
      var level = new Uint16Array(self.n), count = new Uint32Array(259);
      var grey = st.grey && self.spec.panels[k].raw;
      for (var j = 0; j < self.n; j++) {
        var t = span > 0 ? (p.value[j] - lo) / span : 0.5;
        level[j] = isNaN(t) || grey && !self.isMeasured(j) ? 0 : 1 + Math.round(255 * Math.min(1, Math.max(0, t)));
        if (self.spec.panels[k].ring && self.isHidden(j)) level[j] = RING;
        count[level[j] + 1]++;
      }
      for (var i = 1; i < 259; i++) count[i] += count[i - 1];
      p.start.set(count);
      for (j = 0; j < self.n; j++) p.order[count[level[j]]++] = j;
    });
  };

  Maps.prototype.repaint = function () { this.levels(); this.redraw(); };

  // redraw renders all series again, in the next frame.
  Maps.prototype.redraw = function () {
    var self = this;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(function () {
      self.waiting = false;
      self.unhover();
      if (self.shell.chart) self.shell.chart.setOption({ series: self.option.series });
    });
  };

  // affine returns how full-resolution pixels become canvas pixels.
  Maps.prototype.affine = function (api) {
    var b = this.spec.box, p = api.coord([b[0], b[1]]), q = api.coord([b[2], b[3]]);
    var sx = (q[0] - p[0]) / (b[2] - b[0]), sy = (q[1] - p[1]) / (b[3] - b[1]);
    return { sx: sx, sy: sy, tx: p[0] - sx * b[0], ty: p[1] - sy * b[1] };
  };

  Maps.prototype.drawPicture = function (panel, api) {
    var pic = this.spec.picture;
    if (!pic || !this.image.complete || !this.image.naturalWidth || this.state.picture <= 0) return;
    var a = this.affine(api), b = pic.box;
    return {
      type: "image",
      style: {
        image: this.image, opacity: this.state.picture,
        x: a.tx + a.sx * b[0], y: a.ty + a.sy * b[1],
        width: a.sx * (b[2] - b[0]), height: a.sy * (b[3] - b[1])
      }
    };
  };

  Maps.prototype.colour = function (panel, k) {
    var c = this.spec.categories;
    return c ? c[Math.min(k, c.length - 1)].color : table(this.scale(panel))[k];
  };

  Maps.prototype.radius = function () { return this.spec.diameter / 2 * this.state.size; };

  Maps.prototype.drawSpots = function (panel, level, api) {
    var p = this.panels[panel];
    if (p.start[level] === p.start[level + 1] || this.state.spots <= 0) return;
    var a = this.affine(api), r = this.radius() * a.sx;
    var style = { fill: GREY, opacity: this.state.spots * 0.75 };
    if (level === RING) { style = { fill: "none", stroke: RINGINK, lineWidth: 0.8, opacity: this.state.spots }; r -= 0.4; }
    else if (level) style = { fill: this.colour(panel, level - 1), opacity: this.state.spots };
    return {
      type: g.discs, style: style,
      shape: { figure: this.shell.id, panel: panel, level: level, sx: a.sx, sy: a.sy, tx: a.tx, ty: a.ty, r: Math.max(0.3, r) }
    };
  };

  // trace lays down the discs of one colour.
  Maps.prototype.trace = function (path, s) {
    var p = this.panels[s.panel];
    for (var i = p.start[s.level], end = p.start[s.level + 1]; i < end; i++) {
      var j = p.order[i], x = s.tx + s.sx * this.x[j], y = s.ty + s.sy * this.y[j];
      path.moveTo(x + s.r, y);
      path.arc(x, y, s.r, 0, 2 * Math.PI);
      path.closePath();
    }
  };

  // drawFrame draws border, panel title, colour bar and scale bar.
  Maps.prototype.drawFrame = function (panel, api) {
    var grid = this.option.grid[panel], spec = this.spec;
    var x = grid.left, y = grid.top, w = grid.width, h = grid.height;
    var kids = [{ type: "rect", shape: { x: x, y: y, width: w, height: h }, style: { fill: "none", stroke: LINE, lineWidth: 1 } }];
    if (spec.panels.length > 1) {
      kids.push({
        type: "text", style: {
          text: isolate(spec.panels[panel].title), x: x, y: y - 8, fill: INK, verticalAlign: "bottom",
          font: "600 13px " + FONT, width: w, overflow: "truncate", ellipsis: "\u2026"
        }
      });
    }
    if (spec.categories) this.categories(kids, x + w + 12, y);
    else if (this.bars[panel]) this.colourBar(kids, panel, x + w + 12, y, h);
    this.scaleBar(kids, this.affine(api), x + 10, y + h - 12, w);
    // Not merged: a text that takes the place of a turned one would keep its turn.
    return { type: "group", $mergeChildren: false, children: kids };
  };

  // categories lists names where numbers have a colour bar.
  Maps.prototype.categories = function (kids, x, y) {
    this.spec.categories.forEach(function (c, k) {
      kids.push({ type: "circle", shape: { cx: x + 8, cy: y + 10 + 20 * k, r: 5 }, style: { fill: c.color } });
      kids.push({
        type: "text", style: {
          text: isolate(c.name), x: x + 19, y: y + 10 + 20 * k, fill: INK, font: "12px " + FONT, verticalAlign: "middle",
          width: 130, overflow: "truncate", ellipsis: "\u2026"
        }
      });
    });
  };

  Maps.prototype.colourBar = function (kids, panel, x, y, h) {
    var lim = this.limits(panel), lo = lim[0], hi = lim[1], unit = this.spec.panels[panel].unit;
    var width = 12, font = "11px " + FONT, spec = this.spec;
    var keys = this.spotKeys(panel), len = Math.max(40, Math.min(h - (keys.length ? 12 + 32 * keys.length : 0), 260)), widest = 0;
    kids.push({ type: "rect", shape: { x: x, y: y, width: width, height: len }, style: { fill: gradient(this.scale(panel)) } });
    var at = ticks(lo, hi, 5), dec = at.step ? Math.max(0, -Math.floor(Math.log10(at.step) + 1e-9)) : 2;
    if (hi <= lo) at = [lo];
    at.forEach(function (v) {
      var py = y + len * (hi > lo ? (hi - v) / (hi - lo) : 0.5);
      kids.push({ type: "line", shape: { x1: x + width, y1: py, x2: x + width + 4, y2: py }, style: { stroke: MUTED, lineWidth: 1 } });
      var label = number(v, Math.min(6, dec));
      widest = Math.max(widest, label.length);
      kids.push({ type: "text", style: { text: label, x: x + width + 7, y: py, fill: INK, font: font, verticalAlign: "middle" } });
    });
    kids.push({
      type: "text", x: Math.min(x + 60, x + width + 13 + 6.3 * widest), y: y + len / 2, rotation: Math.PI / 2,
      style: { text: isolate(unit), fill: MUTED, font: font, align: "center", verticalAlign: "top", width: len, overflow: "truncate" }
    });
    keys.forEach(function (key, i) {
      var at = y + len + 22 + 32 * i;
      kids.push({ type: "circle", shape: { cx: x + 6, cy: at, r: 5 }, style: key.ring ? { fill: "none", stroke: RINGINK, lineWidth: 0.8 } : { fill: GREY } });
      // Two lines at most: each is isolated from the other.
      key.words.replace(" ", "\n").split("\n").slice(0, 2).forEach(function (t, l, all) {
        kids.push({ type: "text", style: { text: isolate(t), x: x + 17, y: at + (all.length > 1 ? 13 * l - 6 : 0), fill: INK, font: font, verticalAlign: "middle", width: 66, overflow: "truncate" } });
      });
    });
  };

  // spotKeys are the spots beside a panel's colours, or all panels' where they
  // share one bar.
  Maps.prototype.spotKeys = function (panel) {
    var self = this, keys = [], each = this.state.own || this.spec.mixed;
    function add(words, ring) {
      if (words && !keys.some(function (k) { return k.words === words && k.ring === ring; })) keys.push({ words: words, ring: ring });
    }
    this.spec.panels.forEach(function (p, k) {
      if (each && k !== panel) return;
      if (p.ring) add("hidden", true);
      add(self.greys(k), false);
    });
    return keys;
  };

  Maps.prototype.scaleBar = function (kids, a, x, y, w) {
    var mpp = this.spec.micronsPerPixel;
    if (!mpp) return;
    var perPixel = mpp / a.sx, most = w / 4 * perPixel;
    var p = Math.pow(10, Math.floor(Math.log10(most))), f = most / p;
    var um = p * (f >= 5 ? 5 : f >= 2 ? 2 : 1), len = um / perPixel;
    var label = um >= 1000 ? number(um / 1000, 0) + " mm" : number(um, um < 1 ? 1 : 0) + " \u00b5m";
    kids.push({ type: "rect", shape: { x: x - 4, y: y - 22, width: Math.max(len, 52) + 10, height: 30, r: 3 }, style: { fill: "rgba(255,255,255,0.82)" } });
    kids.push({ type: "rect", shape: { x: x, y: y, width: len, height: 3 }, style: { fill: INK } });
    kids.push({ type: "text", style: { text: label, x: x, y: y - 4, fill: INK, font: "600 12px " + FONT, verticalAlign: "bottom" } });
  };

  // listen follows the mouse over a new chart.
  Maps.prototype.listen = function () {
    var self = this, zr = this.shell.chart.getZr();
    this.rings = this.spec.panels.map(function () {
      var ring = new echarts.graphic.Circle({ shape: { r: 0 }, style: { fill: "none", stroke: "#000", lineWidth: 2, shadowBlur: 3, shadowColor: "#fff" }, silent: true, z: 50, invisible: true });
      zr.add(ring);
      return ring;
    });
    zr.on("mousemove", function (e) { self.hover(e.offsetX, e.offsetY); });
    zr.on("globalout", function () { self.unhover(); });
    zr.on("dblclick", function () { self.zoom(0); });
    this.shell.chart.on("dataZoom", function () { self.unhover(); });
  };

  Maps.prototype.nearest = function (px, py) {
    var chart = this.shell.chart;
    for (var k = 0; k < this.panels.length; k++) {
      var grid = { xAxisIndex: k, yAxisIndex: k };
      if (!chart.containPixel({ gridIndex: k }, [px, py])) continue;
      var at = chart.convertFromPixel(grid, [px, py]), best = -1;
      var reach = Math.max(this.radius(), this.spec.pitch / 2), least = reach * reach;
      for (var j = 0; j < this.n; j++) {
        var dx = this.x[j] - at[0], dy = this.y[j] - at[1], d = dx * dx + dy * dy;
        if (d <= least) { least = d; best = j; }
      }
      return best;
    }
    return -1;
  };

  Maps.prototype.hover = function (px, py) {
    var j = this.nearest(px, py), self = this;
    if (j < 0) { this.unhover(); return; }
    this.rings.forEach(function (ring, k) {
      var c = self.shell.chart.convertToPixel({ xAxisIndex: k, yAxisIndex: k }, [self.x[j], self.y[j]]);
      var inside = self.shell.chart.containPixel({ gridIndex: k }, c);
      var far = self.shell.chart.convertToPixel({ xAxisIndex: k, yAxisIndex: k }, [self.x[j] + self.radius(), self.y[j]]);
      ring.attr({ invisible: !inside, shape: { cx: c[0], cy: c[1], r: far[0] - c[0] + 1 } });
    });
    this.shell.point(px, py, function (t) { self.describe(t, j); });
  };

  Maps.prototype.unhover = function () {
    (this.rings || []).forEach(function (r) { r.attr("invisible", true); });
    this.shell.unpoint();
  };

  Maps.prototype.describe = function (t, j) {
    var self = this, spec = this.spec;
    name(el("div", "sgo-tip-title", t), spec.barcodes[j]);
    spec.panels.forEach(function (p, k) {
      var row = el("div", "sgo-tip-row", t), panel = self.panels[k];
      name(row, p.title, "sgo-tip-label");
      var value = el("b", "", row);
      var seen = !spec.hasMask || self.isMeasured(j), hidden = self.isHidden(j);
      if (spec.categories) {
        name(value, isNaN(panel.value[j]) ? "none" : spec.categories[Math.round(panel.value[j])].name);
        return;
      }
      if (p.raw && !seen) { value.textContent = "not measured"; return; }
      if (p.ring && hidden) { value.textContent = "hidden"; return; }
      if (isNaN(panel.value[j]) && p.none) { name(value, p.none); return; }
      value.textContent = number(panel.value[j], panel.column.decimals) + " ";
      name(value, p.unit, "sgo-unit");
      if (p.truth && hidden) {
        var off = panel.value[j] - self.panels[p.truth].value[j];
        el("span", "sgo-tag", row, "error " + (off > 0 ? "+" : "") + number(off, Math.max(1, panel.column.decimals)));
      } else if (spec.hasMask && !p.none) el("span", "sgo-tag", row, hidden ? "hidden" : seen ? "measured" : "completed");
    });
  };

  // zoom scales the view about its middle; 0 shows all again.
  Maps.prototype.zoom = function (factor) {
    var chart = this.shell.chart, dz = chart.getOption().dataZoom;
    chart.dispatchAction({
      type: "dataZoom",
      batch: dz.map(function (z, i) {
        var mid = (z.start + z.end) / 2, half = factor ? Math.max(1, Math.min(50, (z.end - z.start) / 2 / factor)) : 50;
        mid = Math.min(100 - half, Math.max(half, mid));
        return { dataZoomIndex: i, start: mid - half, end: mid + half };
      })
    });
  };

  Maps.prototype.controls = function () {
    var self = this, spec = this.spec, st = this.state, tools = this.shell.tools;
    if (spec.genes.length > 1 || this.slides.length > 1) this.picker(el("div", "sgo-row", tools));
    var row = el("div", "sgo-row", tools);
    if (!spec.categories) {
      var box = el("label", "sgo-field", row);
      el("span", "", box, "Colours");
      var scale = control("select", "sgo-select", box, "colour scale");
      Object.keys(SCALES).forEach(function (s) { el("option", "", scale, s).value = s; });
      scale.value = st.scale;
      scale.addEventListener("change", function () { st.scale = scale.value; self.redraw(); });
    }
    slider(row, "Spots", 0, 1, 0.05, st.spots, function (v) { st.spots = v; self.redraw(); });
    slider(row, "Size", 0.3, 2, 0.05, st.size, function (v) { st.size = v; self.redraw(); });
    if (spec.picture) slider(row, "Picture", 0, 1, 0.05, st.picture, function (v) { st.picture = v; self.redraw(); });
    if (spec.panels.length > 1) {
      checkbox(row, "own scale", st.own, function (v) { st.own = v; self.levels(); self.shell.relayout(); });
    }
    if (spec.hasMask && spec.panels.some(function (p) { return p.raw && !p.of; }) && !spec.panels.some(function (p) { return p.ring; })) {
      checkbox(row, "grey = not measured", st.grey, function (v) { st.grey = v; self.repaint(); });
    }
    var zoom = el("span", "sgo-field sgo-zoom", this.shell.foot);
    button(zoom, "+", "zoom in", function () { self.zoom(1.6); });
    button(zoom, "\u2212", "zoom out", function () { self.zoom(1 / 1.6); });
    button(zoom, "\u21ba", "show the whole tissue", function () { self.zoom(0); });
    el("span", "sgo-note", this.shell.foot, "Drag to move, Ctrl + wheel to zoom, double click for all.");
  };

  // picker lets the reader choose a gene: from the list, by typing a part of
  // its name, or one after the other.
  Maps.prototype.picker = function (row) {
    var self = this, genes = this.spec.genes;
    if (this.slides.length > 1) this.slidePicker(row);
    if (genes.length < 2) return;
    var box = el("label", "sgo-field", row);
    el("span", "", box, "Gene");
    var find = control("input", "sgo-find", box, "find a gene by a part of its name");
    find.type = "search"; find.placeholder = "type to find";
    var select = control("select", "sgo-select sgo-genes", row, "gene");
    var count = el("span", "sgo-note", row);
    var shown = [];
    function fill() {
      var word = find.value.trim().toLowerCase();
      select.textContent = "";
      shown = [];
      genes.forEach(function (gene, i) {
        if (word && gene.search.toLowerCase().indexOf(word) < 0) return;
        shown.push(i);
        el("option", "", select, isolate(gene.label)).value = i;
      });
      count.textContent = word ? shown.length + " of " + genes.length : genes.length + " genes" + (self.spec.order ? ", " + self.spec.order : "");
      if (shown.indexOf(self.state.gene) >= 0) select.value = self.state.gene;
      else if (shown.length) { select.value = shown[0]; self.pick(shown[0]); }
    }
    function step(d) {
      if (!shown.length) return;
      var i = (Math.max(0, shown.indexOf(self.state.gene)) + d + shown.length) % shown.length;
      select.value = shown[i];
      self.pick(shown[i]);
    }
    find.addEventListener("input", fill);
    select.addEventListener("change", function () { self.pick(+select.value); });
    var nav = el("span", "sgo-field sgo-zoom", row);
    button(nav, "\u2039", "previous gene", function () { step(-1); }, "sgo-previous");
    button(nav, "\u203a", "next gene", function () { step(1); }, "sgo-next");
    row.appendChild(count);
    fill();
  };

  // slidePicker lets the reader choose a slide; the gene stays.
  Maps.prototype.slidePicker = function (row) {
    var self = this, box = el("label", "sgo-field", row);
    el("span", "", box, "Slide");
    var select = control("select", "sgo-select sgo-slides", box, "slide");
    this.slides.forEach(function (s, i) { el("option", "", select, isolate(s.slide)).value = i; });
    select.addEventListener("change", function () {
      self.take(+select.value);
      self.pick(self.state.gene, true);
      self.zoom(0);
      self.shell.relayout();
    });
  };

  // ------------------------------------------------------------------- plots

  function Plot(root, spec) {
    var s = this.shell = new Shell(root, spec, this), self = this;
    var choices = [spec].concat(spec.choices || []);
    if (choices.length > 1) this.chooser(el("div", "sgo-row", s.tools), choices);
    this.keys = el("div", "sgo-legend", s.tools);
    this.use(spec);
    s.start(this.option, function (w) { return self.layout(w); });
  }

  // use makes spec what is drawn: the figure's own or one of its choices.
  Plot.prototype.use = function (spec) {
    this.spec = spec;
    this.off = {};
    this.option = this.prepare(JSON.parse(JSON.stringify(spec.option)));
    this.keys.textContent = "";
    if (spec.legend && spec.legend.length > 1) this.legend(this.keys);
  };

  // chooser lets the reader see one of several plots.
  Plot.prototype.chooser = function (row, choices) {
    var self = this, s = this.shell, of = choices[0].choiceOf || "";
    var box = el("label", "sgo-field", row);
    name(box, of);
    var select = control("select", "sgo-select sgo-choice", box, of);
    choices.forEach(function (c, i) { el("option", "", select, isolate(c.name || "")).value = i; });
    select.addEventListener("change", function () {
      var c = choices[+select.value];
      self.use(c);
      s.option = self.option;
      s.heading(c.title, c.subtitle);
      if (c.caption) s.caption.textContent = c.caption;
      if (!s.chart) return;
      s.chart.clear();
      s.relayout();
      s.chart.setOption(self.option);
    });
  };

  Plot.prototype.prepare = function (option) {
    var self = this;
    option.series.forEach(function (s, i) {
      var extra = self.spec.series[i];
      if (extra.render) {
        s.renderItem = function (params, api) { return draw[extra.render](extra, params, api); };
        s.clip = extra.render !== "text";
      }
      s.silent = !!extra.silent;
      s.z = 2 + i / 1e4; // in their order, also lines below discs
    });
    ["x", "y"].forEach(function (d) {
      option[d + "Axis"].forEach(function (axis, i) { self.axis(axis, self.spec.panels[i][d], d); });
    });
    option.grid.forEach(function (grid, i) {
      grid.tooltip = { trigger: self.spec.panels[i].together ? "axis" : "item" };
    });
    option.tooltip.formatter = function (p) { return self.tip(p); };
    option.tooltip.confine = true;
    option.tooltip.padding = 0;
    option.tooltip.extraCssText = "border:0;box-shadow:none;background:transparent";
    return option;
  };

  Plot.prototype.axis = function (axis, a, d) {
    axis.axisLabel = axis.axisLabel || {};
    axis.axisTick = axis.axisTick || { show: false };
    axis.nameTextStyle = { color: MUTED, fontSize: 12, fontFamily: FONT, width: 420, overflow: "truncate" };
    axis.axisLabel.customValues = axis.axisTick.customValues = a.at;
    axis.axisLabel.formatter = function (v) {
      var best = 0;
      a.at.forEach(function (t, i) { if (Math.abs(t - v) < Math.abs(a.at[best] - v)) best = i; });
      return a.texts.length ? isolate(a.texts[best]) : "";
    };
    axis.axisLabel.overflow = a.named ? "truncate" : "none";
  };

  Plot.prototype.layout = function (w) {
    var panels = this.spec.panels, n = panels.length, option = this.option;
    var cols = w < 560 ? 1 : this.spec.across || n, total = 0, top = 0, left = 0, height = this.spec.height;
    panels.forEach(function (p, i) { if (i < cols) total += p.weight; });
    panels.forEach(function (p, i) {
      if (i && i % cols === 0) { left = 0; top += height; }
      var pw = cols === 1 ? w : w * p.weight / total, m = p.margin, grid = option.grid[i];
      grid.left = left + m[3]; grid.top = top + m[0];
      grid.width = Math.max(40, pw - m[1] - m[3]); grid.height = height - m[0] - m[2];
      if (p.square) { // same length for a unit of x and of y
        var side = Math.min(grid.width, grid.height);
        grid.width = grid.height = side;
      }
      var cx = option.xAxis[i];
      if (p.x.named) cx.axisLabel.width = p.x.turned ? m[2] - 20 : Math.max(24, grid.width / p.x.at.length - 6);
      if (p.y.named) option.yAxis[i].axisLabel.width = m[3] - (p.y.label ? 34 : 10);
      left += pw;
    });
    return height * Math.ceil(n / cols);
  };

  Plot.prototype.legend = function (box) {
    var self = this;
    this.spec.legend.forEach(function (item) {
      var b = control("button", "sgo-key", box, "show or hide");
      var mark = el("span", "sgo-mark", b);
      mark.style.background = item.dashed
        ? "repeating-linear-gradient(90deg," + item.color + " 0 4px,transparent 4px 7px)" : item.color;
      if (item.line) mark.className += " sgo-mark-line";
      name(b, item.name);
      b.addEventListener("click", function () {
        self.off[item.name] = !self.off[item.name];
        b.style.opacity = self.off[item.name] ? 0.4 : 1;
        self.show();
      });
    });
  };

  // show leaves out the series that the legend has switched off.
  Plot.prototype.show = function () {
    var self = this;
    this.shell.chart.setOption({
      series: this.option.series.map(function (s, i) {
        return self.off["" + self.spec.series[i].name] ? Object.assign({}, s, { data: [] }) : s;
      })
    });
  };

  // tip builds a tooltip from elements; the chart library gets no HTML.
  Plot.prototype.tip = function (p) {
    var box = el("div", "sgo-tip sgo-tip-static"), self = this;
    if (Array.isArray(p)) {
      p = p.filter(function (q) { return !self.spec.series[q.seriesIndex].silent; });
      if (!p.length) return "";
      var at = this.spec.panels[this.spec.series[p[0].seriesIndex].panel], px = at.x;
      var head = el("div", "sgo-tip-title", box);
      name(head, px.label); el("span", "", head, " " + number(p[0].value[0], px.decimals));
      p.forEach(function (q) {
        var s = self.spec.series[q.seriesIndex];
        self.line(box, s, q.value[1], at.y, s.says && s.says[q.dataIndex]);
      });
      return box;
    }
    var s = this.spec.series[p.seriesIndex];
    if (s.tips && s.tips[p.dataIndex]) {
      s.tips[p.dataIndex].forEach(function (t, i) {
        if (!i) { name(el("div", "sgo-tip-title", box), t); return; }
        var row = el("div", "sgo-tip-row", box), cut = t.indexOf("\t");
        if (cut < 0) { name(row, t); return; }
        name(row, t.slice(0, cut), "sgo-tip-label");
        el("b", "", row, t.slice(cut + 1));
      });
      return box;
    }
    if (!Array.isArray(p.value)) return "";
    var panel = this.spec.panels[s.panel];
    if (s.counts) {
      var n = s.counts[p.dataIndex];
      el("div", "sgo-tip-title", box, number(n, 0) + (n === 1 ? " pair" : " pairs"));
      [["x", 0], ["y", 2]].forEach(function (d) {
        var row = el("div", "sgo-tip-row", box), dec = panel[d[0]].decimals + 2;
        name(row, panel[d[0]].label, "sgo-tip-label");
        el("b", "", row, number(p.value[d[1]], dec) + " to " + number(p.value[d[1] + 1], dec));
      });
      return box;
    }
    if (s.name) name(el("div", "sgo-tip-title", box), s.name);
    [["x", 0], ["y", 1]].forEach(function (d) {
      var row = el("div", "sgo-tip-row", box);
      name(row, panel[d[0]].label, "sgo-tip-label");
      el("b", "", row, number(p.value[d[1]], panel[d[0]].decimals + 1));
    });
    return box;
  };

  // line is the row of one series; words stand for its value where there are any.
  Plot.prototype.line = function (box, s, v, axis, words) {
    var row = el("div", "sgo-tip-row", box);
    el("span", "sgo-dot", row).style.background = s.color;
    name(row, s.name, "sgo-tip-label");
    if (words) { name(el("b", "", row), words); return; }
    if (axis.pow10 && v !== null) { v = Math.pow(10, v); el("b", "", row, number(v, decimals(Math.abs(v)) + 1)); return; }
    el("b", "", row, number(v, axis.decimals + 2));
  };

  // draw holds one function per kind of custom mark. extra is the mark's
  // specification, api gives its data item and the coordinates.
  var draw = {
    rect: function (extra, params, api) {
      var a = api.coord([api.value(0), api.value(2)]), b = api.coord([api.value(1), api.value(3)]);
      var x = Math.min(a[0], b[0]), y = Math.min(a[1], b[1]), w = Math.abs(b[0] - a[0]), h = Math.abs(b[1] - a[1]);
      return {
        type: "rect", shape: { x: x, y: y, width: Math.max(w - (extra.gap || 0), 0.5), height: h },
        style: { fill: extra.colors ? extra.colors[params.dataIndex] : extra.color, opacity: extra.opacity },
        emphasis: { style: { opacity: 1 } }
      };
    },
    poly: function (extra, params, api) {
      var flat = extra.polys[params.dataIndex], pts = [];
      for (var i = 0; i < flat.length; i += 2) pts.push(api.coord([flat[i], flat[i + 1]]));
      return {
        type: "polygon", shape: { points: pts },
        style: { fill: extra.color, opacity: extra.opacity, stroke: extra.bare ? null : extra.color, lineWidth: 1 },
        emphasis: { style: { opacity: 1 } }
      };
    },
    error: function (extra, params, api) {
      var h = extra.horizontal, at = api.value(0), lo = api.value(1), hi = api.value(2), cap = 4;
      var p = api.coord(h ? [lo, at] : [at, lo]), q = api.coord(h ? [hi, at] : [at, hi]);
      var style = { stroke: INK, lineWidth: 1.2, fill: "none" }, dx = h ? 0 : cap, dy = h ? cap : 0;
      var seg = function (x1, y1, x2, y2) { return { type: "line", shape: { x1: x1, y1: y1, x2: x2, y2: y2 }, style: style }; };
      return {
        type: "group", children: [seg(p[0], p[1], q[0], q[1]),
          seg(p[0] - dx, p[1] - dy, p[0] + dx, p[1] + dy), seg(q[0] - dx, q[1] - dy, q[0] + dx, q[1] + dy)]
      };
    },
    box: function (extra, params, api) {
      var x = api.value(0), lo = api.coord([x, api.value(1)]), q1 = api.coord([x, api.value(2)]);
      var med = api.coord([x, api.value(3)]), q3 = api.coord([x, api.value(4)]), hi = api.coord([x, api.value(5)]);
      var half = Math.max(2, Math.min(5, Math.abs(api.coord([x + api.value(6), 0])[0] - lo[0])));
      return {
        type: "group", children: [
          { type: "line", shape: { x1: lo[0], y1: lo[1], x2: hi[0], y2: hi[1] }, style: { stroke: INK, lineWidth: 1 } },
          { type: "rect", shape: { x: q3[0] - half, y: q3[1], width: 2 * half, height: q1[1] - q3[1] }, style: { fill: INK } },
          { type: "circle", shape: { cx: med[0], cy: med[1], r: Math.min(3, half + 1) }, style: { fill: "#fff", stroke: INK, lineWidth: 1 } }
        ]
      };
    },
    text: function (extra, params, api) {
      var p = api.coord([api.value(0), api.value(1)]), t = extra.texts[params.dataIndex];
      return {
        type: "text", style: {
          text: isolate(t.text), x: p[0] + t.dx, y: p[1] + t.dy, align: t.align, verticalAlign: "middle", fill: t.color || MUTED,
          font: (t.bold ? "600 13px " : "12px ") + FONT, stroke: "#fff", lineWidth: 3, width: t.wide ? params.coordSys.width : 220, overflow: "truncate"
        }
      };
    }
  };

  // ------------------------------------------------------------------- start

  var kinds = { maps: Maps, plot: Plot };

  function mount(root, spec) {
    root.setAttribute("data-sgo-on", "");
    // Charts whose element has left the page are freed; their element's
    // observer makes them anew should it come back.
    live.forEach(function (f) { if (!f.root.isConnected) f.close(); });
    try {
      new kinds[spec.kind](root, spec);
    } catch (e) {
      var still = root.querySelector(".sgo-still"), shown = root.querySelector(".sgo-live");
      if (still) still.style.display = "";
      if (shown) shown.remove();
      win.console.error("SpatialGo figure:", e);
    }
  }

  // whole tells whether all of a figure's element has been parsed. A page that
  // is still loading may hold the beginning of a second copy of a figure; the
  // script behind it comes back for it.
  function whole(root) {
    return root.querySelector(".sgo-still") && (doc.readyState !== "loading" || root.nextSibling);
  }

  function sweep() {
    pending = pending.filter(function (p) {
      var roots = [].filter.call(doc.querySelectorAll('[data-sgo="' + p.spec.key + '"]:not([data-sgo-on])'), whole);
      // Each element needs options of its own.
      roots.forEach(function (root) { mount(root, JSON.parse(p.json)); });
      return roots.length === 0 && ++p.tries < 200;
    });
    if (pending.length) setTimeout(sweep, Math.min(1000, 50 + 10 * pending[0].tries));
  }

  // draw is called for each figure once the chart library is there.
  function drawAll() {
    while (g.queue.length) {
      var spec = g.queue.shift();
      pending.push({ spec: spec, json: JSON.stringify(spec), tries: 0 });
    }
    sweep();
  }

  function style() {
    var css = doc.createElement("style");
    css.textContent = [
      ".sgo-live{position:relative;color-scheme:light;font:14px/1.4 " + FONT + ";color:" + INK + "}",
      ".sgo-live *{box-sizing:border-box}",
      ".sgo-title{font-size:17px;font-weight:600;overflow-wrap:anywhere;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow:hidden}",
      ".sgo-title bdi+bdi{margin-left:.6em}.sgo-minor{font-weight:400;color:" + MUTED + ";font-size:14px}",
      ".sgo-subtitle{color:" + MUTED + ";font-size:13px;overflow-wrap:anywhere;display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden}",
      ".sgo-subtitle bdi+bdi::before{content:'\\00a0\u00b7 ';}",
      ".sgo-head{margin:0 84px 8px 0}",
      ".sgo-row{display:flex;flex-wrap:wrap;align-items:center;gap:6px 16px;margin:0 0 8px}",
      ".sgo-field{display:inline-flex;align-items:center;gap:6px;font-size:13px;color:" + MUTED + ";margin:0;font-weight:400}",
      ".sgo-live select,.sgo-live input[type=search]{font:13px " + FONT + ";color:" + INK + ";background:#fff;border:1px solid #c6ced6;border-radius:6px;padding:3px 7px;height:28px;margin:0;max-width:100%;box-shadow:none;width:auto}",
      ".sgo-live select.sgo-genes{width:260px}.sgo-live input.sgo-find{width:120px}",
      ".sgo-live input::placeholder{color:#8793a0;opacity:1}",
      ".sgo-live input.sgo-range{width:84px;margin:0;padding:0;accent-color:" + ACCENT + "}",
      ".sgo-live input[type=checkbox]{margin:0;accent-color:" + ACCENT + "}",
      ".sgo-live :focus-visible{outline:2px solid " + ACCENT + ";outline-offset:1px}",
      ".sgo-zoom{gap:0}",
      ".sgo-live button.sgo-button{font:15px/1 " + FONT + ";color:" + INK + ";background:#fff;border:1px solid #c6ced6;height:28px;min-width:30px;padding:0 8px;cursor:pointer;border-radius:6px;margin:0}",
      ".sgo-live .sgo-zoom button.sgo-button{border-radius:0;margin-left:-1px}.sgo-live .sgo-zoom button.sgo-button:first-child{border-radius:6px 0 0 6px;margin-left:0}.sgo-live .sgo-zoom button.sgo-button:last-child{border-radius:0 6px 6px 0}",
      ".sgo-live button.sgo-button:hover{background:#f1f5f9}",
      ".sgo-live button.sgo-quiet{font-size:12px;color:" + MUTED + ";border-color:transparent;position:absolute;top:-4px;right:-6px}",
      ".sgo-note{font-size:12px;color:" + MUTED + "}",
      ".sgo-stage{position:relative;width:100%}.sgo-chart{width:100%;overflow:hidden}",
      ".sgo-foot{display:flex;align-items:center;gap:12px;margin-top:2px}",
      ".sgo-tip{display:none;position:absolute;pointer-events:none;z-index:9;max-width:340px;background:#fff;border:1px solid " + LINE + ";border-radius:8px;box-shadow:0 4px 16px rgba(31,41,51,.14);padding:7px 10px;font:12px/1.45 " + FONT + ";color:" + INK + ";white-space:normal;text-align:left}",
      ".sgo-tip-static{display:block;position:static}",
      ".sgo-tip-title{font-weight:600;overflow-wrap:anywhere;margin-bottom:2px}",
      ".sgo-tip-row{display:flex;align-items:baseline;gap:8px;overflow-wrap:anywhere}",
      ".sgo-tip-row b{white-space:nowrap}.sgo-tip-label{color:" + MUTED + ";flex:1}",
      ".sgo-unit{font-weight:400;color:" + MUTED + "}",
      ".sgo-tag{font-size:11px;color:" + ACCENT + "}",
      ".sgo-dot{width:9px;height:9px;border-radius:50%;flex:none}",
      ".sgo-legend{display:flex;flex-wrap:wrap;gap:2px 6px;margin:0 0 6px}",
      ".sgo-live button.sgo-key{font:13px " + FONT + ";color:" + INK + ";display:inline-flex;align-items:center;gap:6px;background:none;border:0;padding:2px 6px;cursor:pointer;max-width:100%;overflow:hidden;white-space:nowrap;text-overflow:ellipsis;border-radius:6px}",
      ".sgo-key bdi{overflow:hidden;text-overflow:ellipsis}",
      ".sgo-live button.sgo-key:hover{background:#f1f5f9}",
      ".sgo-mark{width:14px;height:10px;border-radius:2px;flex:none}.sgo-mark-line{height:3px}"
    ].join("\n");
    doc.head.appendChild(css);
  }

  // g.start is called by the loader with the chart library.
  g.start = function (library) {
    echarts = library;
    g.discs = "sgo-discs-" + KEY;
    g.figures = {};
    var Discs = echarts.graphic.extendShape({
      shape: {},
      buildPath: function (path, shape) {
        var f = g.figures[shape.figure];
        if (f) f.trace(path, shape);
      }
    });
    echarts.graphic.registerShape(g.discs, Discs);
    style();
    g.draw = drawAll;
    drawAll();
  };
})(window, KEY, SCALES);
