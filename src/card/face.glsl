#version 300 es
// A head of signed distances, marched; eyes, brows and mouth are drawn on its surface with edges one pixel wide.
precision highp float;
uniform vec2 size;
// Mouth: open, wide, round. Then the eyelids: 1 is shut.
uniform vec4 mouth;
// Yaw, pitch, roll.
uniform vec3 turn;
uniform vec3 skin, hair, eyes, lips, top;
uniform float long_hair;
out vec4 colour;

float ball(vec3 p, vec3 r) {
    float k = length(p / r);
    return k * (k - 1.0) / length(p / (r * r));
}
float join(float a, float b, float k) {
    float h = max(k - abs(a - b), 0.0) / k;
    return min(a, b) - h * h * k * 0.25;
}
float cut(float a, float b, float k) { return -join(-a, b, k); }
mat2 rot(float a) { return mat2(cos(a), sin(a), -sin(a), cos(a)); }

// Into the head's own space; it turns on the neck.
vec3 pose(vec3 p) {
    p.y += 0.45;
    p.xz *= rot(turn.x);
    p.yz *= rot(turn.y);
    p.xy *= rot(turn.z);
    p.y -= 0.45;
    return p;
}

// Distances to skin, hair and clothes.
vec3 parts(vec3 p) {
    vec3 q = pose(p);
    vec3 s = vec3(abs(q.x), q.yz);
    float drop = 0.05 * mouth.x;
    float d = join(ball(q - vec3(0, 0.2, -0.02), vec3(0.45, 0.49, 0.5)),
                   ball(q - vec3(0, -0.18 - drop, 0.07), vec3(0.31, 0.38, 0.36)), 0.24);
    d = join(d, ball(s - vec3(0.2, -0.06, 0.27), vec3(0.15)), 0.16);
    d = cut(d, ball(s - vec3(0.18, 0.1, 0.62), vec3(0.14, 0.07, 0.16)), 0.1);
    d = join(d, ball(q - vec3(0, 0.0, 0.45), vec3(0.05, 0.15, 0.09)), 0.09);
    d = join(d, ball(q - vec3(0, -0.085, 0.49), vec3(0.07, 0.045, 0.055)), 0.07);
    d = join(d, ball(s - vec3(0.455, 0.04, -0.02), vec3(0.06, 0.12, 0.08)), 0.03);
    d = join(d, ball(p - vec3(0, -0.7, -0.08), vec3(0.19, 0.5, 0.19)), 0.06);
    float h = ball(q - vec3(0, 0.26, -0.08), vec3(0.53, 0.53, 0.56));
    h = cut(h, ball(q - vec3(0.1, -0.06, 0.52), vec3(0.5, 0.5, 0.5)), 0.05);
    if (long_hair > 0.5) h = join(h, ball(s - vec3(0.43, -0.25, -0.14), vec3(0.15, 0.58, 0.26)), 0.14);
    else h = cut(h, 0.06 - q.y - 0.25 * q.z, 0.06);
    float c = cut(ball(p - vec3(0, -1.2, -0.1), vec3(0.76, 0.5, 0.36)), ball(p - vec3(0, -0.62, 0.16), vec3(0.2, 0.34, 0.3)), 0.03);
    return vec3(d, h, c);
}
float scene(vec3 p) {
    vec3 d = parts(p);
    return min(d.x, min(d.y, d.z));
}

vec3 paint(vec3 q, float px) {
    vec3 c = skin;
    c = mix(c, lips, 0.22 * smoothstep(0.2, 0.0, length(vec2(abs(q.x) - 0.25, (q.y + 0.09) * 1.2))));
    if (q.z < 0.05) return c;
    float side = abs(q.x);
    // Brows: calm, a slight arch.
    float arch = 0.245 - 1.5 * (side - 0.17) * (side - 0.17);
    float brow = max(abs(q.y - arch) - 0.02 + 0.05 * max(side - 0.2, 0.0), abs(side - 0.185) - 0.115);
    c = mix(c, hair * 0.8, 0.85 * smoothstep(px, -px, brow));
    // Eyes: two arcs that meet; the lids press them flat.
    float open = 1.0 - mouth.w;
    vec2 e = vec2(side - 0.18, q.y - 0.095 + 0.02 * mouth.w);
    vec2 f = vec2(e.x, e.y / max(open, 0.02));
    float lid = length(f + vec2(0, 0.075)) - 0.138;
    float eye = max(lid, length(f - vec2(0, 0.09)) - 0.15) * max(open, 0.12);
    vec2 g = vec2(q.x - sign(q.x) * 0.18, e.y - 0.004);
    float r = length(g);
    vec3 ball = mix(vec3(0.95, 0.94, 0.93), vec3(0.7, 0.66, 0.66), smoothstep(-0.01, 0.05, e.y));
    vec3 rim = mix(eyes * 1.35, eyes * 0.45, smoothstep(0.03, 0.058, r));
    ball = mix(ball, rim, smoothstep(px, -px, r - 0.055));
    ball = mix(ball, vec3(0.03), smoothstep(px, -px, r - 0.026));
    ball = mix(ball, vec3(1), smoothstep(px, -px, length(g - vec2(-0.02, 0.022)) - 0.014));
    c = mix(c, skin * 0.78, 0.6 * smoothstep(0.035, 0.0, abs(eye - 0.02)) * step(0.0, e.y));
    c = mix(c, ball, smoothstep(px, -px, eye));
    c = mix(c, hair * 0.35, smoothstep(px, -px, abs(eye) - 0.009) * smoothstep(-0.012, 0.006, f.y * open + 0.02 * mouth.w));
    // Mouth: lips around an opening; shut, the opening is a line with its ends up.
    vec2 m = vec2(q.x, q.y + 0.3 - 0.9 * q.x * q.x * (1.0 - mouth.x));
    m.y += 0.035 * mouth.x;
    float w = mix(0.085, 0.15, mouth.y) * (1.0 - 0.3 * mouth.z);
    float h = 0.1 * mouth.x + 0.006;
    float bow = 0.012 * smoothstep(0.05, 0.0, abs(q.x)) * step(0.0, m.y);
    vec2 o = vec2(w + 0.022, h + 0.034 + 0.012 * mouth.z);
    float lip = (length(m / o) - 1.0) * o.y * 0.9 + bow;
    float gap = (length(m / vec2(w, h)) - 1.0) * h;
    vec3 l = lips * (m.y > 0.0 ? 0.86 : 1.06);
    c = mix(c, l, 0.92 * smoothstep(px, -px, lip));
    vec3 in_ = mix(vec3(0.16, 0.03, 0.05), vec3(0.62, 0.24, 0.25), smoothstep(-0.3, -0.8, m.y / h) * smoothstep(0.02, 0.05, h));
    in_ = mix(in_, vec3(0.93, 0.91, 0.87), smoothstep(px, -px, 0.42 * h - m.y) * smoothstep(0.02, 0.04, h));
    return mix(c, in_, smoothstep(px, -px, max(gap, lip)));
}

vec3 shade(vec3 p, float px) {
    vec3 d = parts(p);
    vec3 n = vec3(0);
    for (int i = 0; i < 4; i++) {
        vec3 e = 0.5773 * (2.0 * vec3((((i + 3) >> 1) & 1), ((i >> 1) & 1), (i & 1)) - 1.0);
        n += e * scene(p + 0.004 * e);
    }
    n = normalize(n);
    vec3 key = normalize(vec3(-0.5, 0.6, 0.8));
    float lit = dot(n, key);
    float soft = smoothstep(-0.55, 1.0, lit);
    vec3 q = pose(p);
    float shine = pow(max(dot(n, normalize(key + vec3(0, 0, 1))), 0.0), 28.0);
    vec3 s = paint(q, px);
    s = s * mix(vec3(0.5, 0.36, 0.36), vec3(1.06, 1.03, 1.0), soft) + 0.07 * shine;
    float strand = 0.5 + 0.5 * sin(60.0 * atan(q.x + 0.15, q.z + 0.6) + 5.0 * q.y);
    float band = pow(max(0.0, 1.0 - abs(n.y - 0.62) * 2.4), 2.0);
    vec3 h = hair * (0.45 + 0.8 * soft) * (0.9 + 0.14 * strand) + band * soft * (0.06 + 0.22 * hair);
    float fold = smoothstep(0.035, 0.0, abs(abs(p.x) - 0.16 - 0.35 * (p.y + 0.98)));
    vec3 c = top * (0.42 + 0.72 * soft) * (1.0 - 0.25 * fold);
    // The head's shadow on neck and shoulders.
    float under = smoothstep(0.0, 0.5, ball(p - vec3(0.05, -0.3, 0.12), vec3(0.42, 0.4, 0.5)));
    float below = smoothstep(-0.36, -0.5, p.y);
    s *= mix(1.0, 0.62 + 0.38 * under, below);
    c *= 0.72 + 0.28 * under;
    s = mix(s, h, smoothstep(px, -px, d.y - d.x));
    s = mix(s, c, smoothstep(px, -px, d.z - min(d.x, d.y)));
    float edge = pow(1.0 - max(n.z, 0.0), 3.0);
    return s + 0.1 * edge * vec3(0.75, 0.85, 1.0) * smoothstep(-0.4, 0.6, n.x + n.y);
}

void main() {
    vec2 uv = (2.0 * gl_FragCoord.xy - size) / size.y;
    float px = 1.3 / size.y;
    vec3 ray = normalize(vec3(uv * 1.02 + vec2(0, 0.03), -6.0));
    vec3 at = vec3(0, -0.03, 6), best = at;
    float t = 5.2, near = 1.0;
    for (int i = 0; i < 40; i++) {
        vec3 p = at + t * ray;
        float d = scene(p);
        if (d < near) {
            near = d;
            best = p;
        }
        if (d < 0.0015 || t > 7.2) break;
        t += d * 0.9;
    }
    float cover = 1.0 - smoothstep(0.0015, 0.0015 + 2.0 * px, near);
    if (cover <= 0.0) {
        colour = vec4(0);
        return;
    }
    colour = vec4(clamp(shade(best, 1.3 * px), 0.0, 1.0) * cover, cover);
}
