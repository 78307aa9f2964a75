/** Text colour that reads best on a background `#rrggbb`: white where it reaches 4.5:1, else the better of white and near-black. */
export function readableOn(background: string): '#ffffff' | '#16181d' {
  const light = luminance(background);
  const onWhite = 1.05 / (light + 0.05);
  const onDark = (light + 0.05) / (luminance('#16181d') + 0.05);
  return onWhite >= 4.5 || onWhite >= onDark ? '#ffffff' : '#16181d';
}

/** A `#rrggbb` colour, or the fallback when it is anything else. */
export function safeColor(color: string, fallback = '#1f6feb'): string {
  return /^#[0-9a-f]{6}$/i.test(color) ? color : fallback;
}

function luminance(color: string): number {
  const channel = (at: number): number => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
