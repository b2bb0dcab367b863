/** The skin type, asked for once and only if one likes. */
import { useTranslation } from 'react-i18next';
import { SKIN_TYPES, type SkinType } from '../app/settings';
import { Choices } from './parts';

const TONES: Record<SkinType, string> = { 'I-II': 'I–II', 'III-IV': 'III–IV', 'V-VI': 'V–VI' };

export function SkinChoice({
  value,
  onChange,
}: {
  value: SkinType | null;
  onChange: (value: SkinType | null) => void;
}) {
  const { t } = useTranslation();
  const choices = [
    ...SKIN_TYPES.map((type) => ({
      value: type as string,
      label: `${t(`skin.${type}`)} (${TONES[type]})`,
      text: t(`skin.${type}Text`),
    })),
    { value: 'none', label: t('welcome.skip') },
  ];
  return (
    <Choices
      label={t('skin.label')}
      value={value ?? 'none'}
      choices={choices}
      onChange={(next) => onChange(next === 'none' ? null : (next as SkinType))}
    />
  );
}
