//! Small generated pictures. The seed makes them different from each other.

/// A PNG of 16 × 16 pixels in one colour.
pub(crate) fn picture(seed: u64) -> Vec<u8> {
    const SIDE: u16 = 16;
    let colour = crate::names::scramble(seed).to_le_bytes();
    let pixels = colour[..3].repeat(usize::from(SIDE) * usize::from(SIDE));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, u32::from(SIDE), u32::from(SIDE));
    encoder.set_color(png::ColorType::Rgb);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    debug_assert!(written.is_ok(), "writing into memory");
    file
}

/// The text as a QR code in a PNG with a quiet zone. Returns `None` if the text is too long.
pub(crate) fn qr_code(text: &str) -> Option<Vec<u8>> {
    const SCALE: usize = 8;
    const QUIET: usize = 4;
    let code = qrcode::QrCode::new(text).ok()?;
    let modules = code.to_colors();
    let width = code.width();
    let side = (width + 2 * QUIET) * SCALE;
    let mut pixels = vec![255_u8; side * side];
    for (at, colour) in modules.iter().enumerate() {
        if *colour == qrcode::Color::Dark {
            let (x, y) = ((at % width + QUIET) * SCALE, (at / width + QUIET) * SCALE);
            for row in y..y + SCALE {
                pixels[row * side + x..row * side + x + SCALE].fill(0);
            }
        }
    }
    let mut file = Vec::new();
    let length = u32::try_from(side).ok()?;
    let mut encoder = png::Encoder::new(&mut file, length, length);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)).ok()?;
    Some(file)
}
