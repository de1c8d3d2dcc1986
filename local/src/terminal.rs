//! Drawing on a terminal.

use qrcode::{Color, QrCode};

/// A QR code in half blocks: two modules a line, dark on light with any terminal colours, and with the quiet zone that
/// readers need. `None` for content that does not fit into a code.
pub fn qr(content: &str) -> Option<String> {
    const QUIET: usize = 2;
    let code = QrCode::new(content).ok()?;
    let width = code.width();
    let side = width + 2 * QUIET;
    let colors = code.to_colors();
    let dark = |x: usize, y: usize| {
        let inside = (QUIET..QUIET + width).contains(&x) && (QUIET..QUIET + width).contains(&y);
        inside && colors[(y - QUIET) * width + (x - QUIET)] == Color::Dark
    };
    let mut drawn = String::new();
    for y in (0..side).step_by(2) {
        drawn.push_str("  \u{1b}[30;107m");
        for x in 0..side {
            drawn.push(match (dark(x, y), dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        drawn.push_str("\u{1b}[0m\n");
    }
    Some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_quiet_zone_and_square_modules() {
        let drawn = qr("https://login.weixin.qq.com/l/abc==").unwrap();
        let lines: Vec<&str> = drawn.lines().collect();
        // Version 3: 29 modules and the quiet zone of two on each side.
        assert_eq!(lines.len(), 17);
        let cells = |line: &str| line.chars().filter(|c| "█▀▄".contains(*c)).count();
        assert_eq!(cells(lines[0]), 0);
        assert!(cells(lines[1]) > 10);
        assert!(qr(&"x".repeat(5_000)).is_none());
    }
}
