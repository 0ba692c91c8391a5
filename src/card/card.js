// The card's script: the face, the voice, the caption, sharing. Without it the card still holds all that is said.
(() => {
  'use strict';
  const $ = id => document.getElementById(id);
  const data = JSON.parse($('data').textContent);
  const canvas = $('face'), poster = $('poster'), caption = $('caption'), listen = $('listen'), mute = $('mute');
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  const voices = window.speechSynthesis;

  // --- the face -----------------------------------------------------------------------------------------------------
  // Mouth shapes as [open, wide, round].
  const SHAPE = {
    rest: [0, .55, 0], a: [1, .6, 0], e: [.55, .85, .1], i: [.32, 1, 0], o: [.75, .25, .9], u: [.4, 0, 1],
    m: [0, .45, .2], f: [.14, .6, 0], t: [.24, .7, 0],
  };
  const LETTERS = {
    a: 'aаяα', e: 'eеэєε', i: 'iyиыіιηυ', o: 'oоωο', u: 'uwуюυq', m: 'mbpмбпμβπ', f: 'fvфвφ',
  };
  const CLASS = {};
  for (const [shape, letters] of Object.entries(LETTERS)) for (const c of letters) CLASS[c] = shape;
  const TURN = ['a', 'i', 'o', 'e', 'u'];
  const WAIT_FOR_VOICE_MS = 1000, SLOW_FRAME_MS = 40, LEAST_SIZE = 120;

  // A text as [{ at: index in the text, ms: when, shape }], and how long it takes. A character that is no letter of an
  // alphabet below counts as one syllable (a consonant, then a vowel in turn): an approximation by number, not by sound.
  function shapes(text) {
    const line = [];
    let ms = 0, turn = 0, at = 0;
    const add = (shape, length) => { line.push({ at, ms, shape }); ms += length; };
    for (const c of text) {
      const bare = c.normalize('NFD').toLowerCase()[0];
      if (CLASS[bare]) add(CLASS[bare], 'aeiou'.includes(CLASS[bare]) ? 110 : 70);
      else if (/[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}]/u.test(bare)) add('t', 60);
      else if (/[\p{L}\p{N}]/u.test(c)) { add(turn % 3 ? 't' : 'm', 60); add(TURN[turn++ % TURN.length], 160); }
      else if (/[.!?。！？…:;：；]/u.test(c)) add('rest', 300);
      else if (/[,，、]/u.test(c)) add('rest', 180);
      else if (/\s/u.test(c)) add('rest', 40);
      at += c.length;
    }
    add('rest', 120);
    return { line, ms };
  }

  // Draws the face; null where WebGL2 is missing.
  function painter() {
    const gl = canvas.getContext('webgl2', { antialias: false, powerPreference: 'low-power' });
    if (!gl || gl.isContextLost()) return null;
    const program = gl.createProgram();
    const corners = '#version 300 es\nvoid main(){gl_Position=vec4(gl_VertexID==1?3.:-1.,gl_VertexID==2?3.:-1.,0.,1.);}';
    for (const [kind, source] of [[gl.VERTEX_SHADER, corners], [gl.FRAGMENT_SHADER, $('shader').textContent.trim()]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      if (!gl.isContextLost()) console.error(gl.getProgramInfoLog(program));
      return null;
    }
    gl.useProgram(program);
    const place = name => gl.getUniformLocation(program, name);
    for (const name of ['skin', 'hair', 'eyes', 'lips', 'top']) {
      const rgb = parseInt(data.face[name].slice(1), 16);
      gl.uniform3f(place(name), (rgb >> 16) / 255, (rgb >> 8 & 255) / 255, (rgb & 255) / 255);
    }
    gl.uniform1f(place('long_hair'), data.face.long ? 1 : 0);
    const size = place('size'), mouth = place('mouth'), turn = place('turn');
    return (shape, lids, yaw, pitch, roll) => {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.uniform2f(size, canvas.width, canvas.height);
      gl.uniform4f(mouth, ...shape, lids);
      gl.uniform3f(turn, yaw, pitch, roll);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    };
  }

  let paint = null, moving = false, last = 0, slow = 0, shape = [...SHAPE.rest];

  function showFace() {
    if (!paint && !calm.matches) paint = painter();
    const drawn = Boolean(paint) && !calm.matches;
    canvas.hidden = !drawn;
    poster.classList.toggle('behind', drawn);
    if (drawn && !moving) paint(shape, 0, 0, 0, 0);
    if (drawn && talk) move();
  }

  function move() {
    if (moving || canvas.hidden) return;
    moving = true;
    last = 0;
    requestAnimationFrame(frame);
  }

  // Runs while something is said and until the mouth is shut; then no frame is asked for.
  function frame(now) {
    const passed = last ? now - last : 16;
    last = now;
    // Three in a row: one slow frame is a hiccup, not a slow machine.
    slow = passed > SLOW_FRAME_MS ? slow + 1 : 0;
    if (slow > 2 && canvas.width > LEAST_SIZE) {
      canvas.width = canvas.height = canvas.width / 2;
      slow = 0;
    }
    const aim = talk ? SHAPE[talk.shape(now)] : SHAPE.rest;
    const pull = 1 - Math.exp(-passed / 45);
    shape = shape.map((value, at) => value + (aim[at] - value) * pull);
    const settled = !talk && shape.every((value, at) => Math.abs(value - aim[at]) < .01);
    if (settled || canvas.hidden) {
      moving = false;
      shape = [...SHAPE.rest];
      if (!canvas.hidden) paint(shape, 0, 0, 0, 0);
      return;
    }
    const s = (now - begun) / 1000, ease = Math.min(1, s * 2) * (talk ? 1 : shape[0]);
    const blink = Math.max(0, 1 - Math.abs((s + 1.4) % 3.7 - 3.5) / .11);
    paint(shape, blink, ease * .09 * Math.sin(s * 1.1), ease * .035 * Math.sin(s * 1.7 + 1), ease * .03 * Math.sin(s * .8));
    requestAnimationFrame(frame);
  }

  // --- the voice ----------------------------------------------------------------------------------------------------
  let talk = null, begun = 0, muted = false;

  function sentences(text) {
    if (!Intl.Segmenter) return [text];
    const parts = new Intl.Segmenter(data.language, { granularity: 'sentence' }).segment(text);
    return Array.from(parts, part => part.segment).filter(part => part.trim());
  }

  function voice() {
    const known = voices ? voices.getVoices() : [];
    const tag = v => v.lang.replace('_', '-').toLowerCase();
    const own = data.language.toLowerCase(), first = own.split('-')[0];
    return known.find(v => tag(v) === own) || known.find(v => tag(v).split('-')[0] === first);
  }

  // One sentence at a time: long utterances break off in some browsers, and the caption follows.
  function say(text) {
    hush();
    const queue = sentences(text);
    begun = performance.now();
    talk = { next, quiet, end, shape: pointInText, timers: [] };
    const mine = talk;
    let line, start, voiced;
    listen.textContent = data.stop;
    document.documentElement.dataset.state = 'talking';
    next();
    move();

    function next() {
      if (talk !== mine) return;
      mine.timers.forEach(clearTimeout);
      mine.timers = [];
      const sentence = queue.shift();
      if (!sentence) return end();
      line = shapes(sentence);
      start = null;
      voiced = !muted && voice();
      // A screen reader is not to talk over the voice, but reads the caption where there is none.
      caption.setAttribute('aria-live', voiced ? 'off' : 'polite');
      caption.textContent = sentence.trim();
      if (voiced) speak(sentence, voiced); else timed();
    }
    function speak(sentence, chosen) {
      const spoken = new SpeechSynthesisUtterance(sentence);
      const current = () => talk === mine && line && spoken === mine.spoken;
      mine.spoken = spoken;
      spoken.voice = chosen;
      spoken.lang = chosen.lang;
      spoken.onstart = () => {
        if (!current()) return;
        start = performance.now();
        mine.timers.forEach(clearTimeout);
        // Some engines never tell the end.
        mine.timers = [setTimeout(next, 3 * line.ms + 5000)];
      };
      spoken.onboundary = event => {
        if (!current()) return;
        const point = line.line.find(point => point.at >= event.charIndex);
        if (point) start = performance.now() - point.ms;
      };
      spoken.onend = () => { if (current()) next(); };
      spoken.onerror = () => { if (current()) quiet(); };
      mine.timers.push(setTimeout(() => { if (start === null) quiet(); }, WAIT_FOR_VOICE_MS));
      voices.speak(spoken);
    }
    // From here on, or from where the voice was, the sentence goes on without it.
    function quiet() {
      if (!voiced) return;
      voiced = null;
      mine.spoken = null;
      voices.cancel();
      caption.setAttribute('aria-live', 'polite');
      timed();
    }
    function timed() {
      const now = performance.now();
      mine.timers.forEach(clearTimeout);
      if (start === null) start = now;
      mine.timers = [setTimeout(next, Math.max(0, line.ms - (now - start)))];
    }
    function pointInText(now) {
      if (start === null) return 'rest';
      let passed = now - start;
      if (voiced) passed %= line.ms;
      let found = 'rest';
      for (const point of line.line) if (point.ms <= passed) found = point.shape;
      return found;
    }
    function end() {
      mine.timers.forEach(clearTimeout);
      if (mine.spoken) voices.cancel();
      talk = null;
      listen.textContent = data.listen;
      caption.textContent = '';
      document.documentElement.dataset.state = 'still';
    }
  }

  function hush() {
    if (talk) talk.end();
  }

  // --- the controls -------------------------------------------------------------------------------------------------
  const greeting = $('greeting').textContent;
  if (voices) voices.getVoices();
  listen.onclick = () => talk ? hush() : say(greeting);
  mute.onclick = () => {
    muted = !muted;
    mute.setAttribute('aria-pressed', muted);
    if (muted && talk) talk.quiet();
  };
  for (const question of document.querySelectorAll('details')) {
    question.ontoggle = () => {
      if (question.open) {
        say(question.querySelector('.answer').textContent);
        talk.from = question;
      } else if (talk && talk.from === question) hush();
    };
  }
  const share = $('share');
  if (navigator.share) {
    share.hidden = false;
    share.onclick = () => navigator.share(data.share).catch(() => {});
  }
  canvas.addEventListener('webglcontextlost', event => {
    // Without this the browser never restores the context.
    event.preventDefault();
    paint = null;
    canvas.hidden = true;
    poster.classList.remove('behind');
  });
  canvas.addEventListener('webglcontextrestored', showFace);
  calm.addEventListener('change', showFace);
  window.addEventListener('pagehide', hush);
  $('controls').hidden = false;
  showFace();
})();
